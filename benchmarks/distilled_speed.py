"""How large and how fast a student is, and how it listens for long.

Part of distillation.py (`--only size listen`). Each figure is measured in a process of its own, in which
TensorFlow has one thread.

- `parameter_ratio`: of the student's numbers to the teacher's; `speed_ratio`: one clip of 5 s from sound to
  logits, features included, BirdNET teacher by student, each in the faster of two ways: as a LiteRT file of
  32 bits (`..._litert_seconds`) or in TensorFlow (`..._tensorflow_seconds`). `features_seconds` is what of
  both the mel rows and 18 features take.
- `listen_real_time_factor`: work by sound heard, in an hour of sound with a clip every 2.5 s;
  `listen_megabytes` is the most memory that this takes, `listen_hour_megabytes` how much it grew after the
  first tenth. `listen_dropped_seconds`: of a stream that does not wait, sent five times as fast as it sounds
  for 100 s of sound.
- `listen_week_megabytes`: by how much memory grows from the first day to the seventh of a simulated week at
  1 kHz, through the same buffer, moments and events, with loudness in the student's place.
"""

import tempfile
import time
from pathlib import Path

import common
import numpy as np

HOUR, DAY = 3600, 86_400
LIVE_SECONDS, LIVE_SPEED = 100, 5
WEEK_RATE_HZ = 1000


def size(recordings, options) -> common.Figures:
    """Numbers in both networks, and how long a clip takes each."""
    return common.alone(_measured_size, len(recordings.class_names))


def _measured_size(num_classes: int) -> common.Figures:
    one_thread()
    from fused_encoder import load_birdnet
    from fused_encoder.front_ends.birdnet import birdnet_place
    from student.network import num_trained

    birdnet, student = load_birdnet(), _student(num_classes)
    hearing = student.hearing
    network, file = student.network, _litert(_student_file(student))
    birdnet_file = _litert(birdnet_place().read_bytes())
    sounds = np.random.default_rng(0).normal(0, 0.1, (12, hearing.clip_samples)).astype("float32")

    def windows(sound):
        return np.resize(
            np.pad(sound, (0, 6 * birdnet.sample_rate_hz - len(sound))), (2, 1, 144_000)
        )

    ways = {
        "features": lambda sound: hearing.clip_inputs(sound[None]),
        "student_litert": lambda sound: file(*hearing.clip_inputs(sound[None])),
        "student_tensorflow": lambda sound: student.logits(*hearing.clip_inputs(sound[None])),
        "birdnet_litert": lambda sound: [birdnet_file(window) for window in windows(sound)],
        "birdnet_tensorflow": lambda sound: np.asarray(birdnet.embed_sound(sound)),
    }
    for way in ways.values():
        way(sounds[0])  # traced before it is timed
    taken = dict(zip(ways, common.in_turns(list(ways.values()), sounds[1:]), strict=True))
    numbers = sum(int(np.prod(v.shape)) for v in birdnet.module.variables)
    teacher_numbers = numbers + (birdnet.embedding_size + 18 + 1) * num_classes
    fastest = min(taken["birdnet_litert"], taken["birdnet_tensorflow"]) + taken["features"]
    return {
        "student_parameters": num_trained(network),
        "teacher_parameters": teacher_numbers,
        "parameter_ratio": num_trained(network) / teacher_numbers,
        "speed_ratio": fastest / min(taken["student_litert"], taken["student_tensorflow"]),
        **{f"{name}_seconds": each for name, each in taken.items()},
    }


def _student(num_classes: int):
    from student import Student, StudentHearing, create_student

    hearing = StudentHearing()
    names = tuple(map(str, range(num_classes)))
    return Student(create_student(num_classes, hearing), hearing, names)


def _student_file(student) -> bytes:
    from student import export_litert

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "student.tflite")
        return export_litert(student, path, precision="float32").path.read_bytes()


def _litert(content: bytes):
    """A file as a function of its inputs in their order of size, the largest first."""
    from student.litert import litert_interpreter

    interpreter = litert_interpreter(content)
    interpreter.allocate_tensors()
    inputs = sorted(interpreter.get_input_details(), key=lambda one: -int(np.prod(one["shape"])))
    output = interpreter.get_output_details()[0]["index"]

    def run(*values):
        for one, value in zip(inputs, values, strict=True):
            interpreter.set_tensor(one["index"], value)
        interpreter.invoke()
        return interpreter.get_tensor(output)

    return run


def one_thread() -> None:
    """TensorFlow computes in one thread from here on."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


class Stream:
    """Noise with a tone now and then, in blocks of a second, from memory.

    Args:
        seconds: how much.
        sample_rate_hz: of it.
        speed: how many times as fast as it sounds it comes, and does not wait. None: it waits.
        after: called with the seconds that were taken, after each block.
    """

    def __init__(self, seconds: int, sample_rate_hz: int, *, speed=None, after=lambda _: None):
        self.sample_rate_hz, self.waits = sample_rate_hz, speed is None
        self._seconds, self._speed, self._after = seconds, speed, after

    def sessions(self):
        """One."""
        from student.sources import Session

        yield Session(0.0, self._blocks())

    def _blocks(self):
        rate, rng = self.sample_rate_hz, np.random.default_rng(0)
        noise = rng.normal(0, 0.02, (16, rate)).astype(np.float32)
        tone = 0.5 * np.sin(2 * np.pi * 0.1 * np.arange(rate)).astype(np.float32)
        start = time.monotonic()
        for second in range(self._seconds):
            if self._speed:
                time.sleep(max(0.0, start + second / self._speed - time.monotonic()))
            yield noise[second % 16] + tone * (second % 60 < 5)
            self._after(second + 1)


def listen(recordings, options) -> common.Figures:
    """How a student listens."""
    num_classes = len(recordings.class_names)
    return common.alone(_listened_hour, num_classes) | common.alone(_listened_week)


def _listened_hour(num_classes: int) -> common.Figures:
    one_thread()
    from student import listen_live, student_scorer

    student = _student(num_classes)
    hearing, scorer = student.hearing, student_scorer(student)
    memory: list[int] = []

    def after(second: int) -> None:
        if second % (HOUR // 10) == 0:
            memory.append(resident_bytes())

    *_, waited = listen_live(scorer, Stream(HOUR, hearing.sample_rate_hz, after=after))
    live = Stream(LIVE_SECONDS, hearing.sample_rate_hz, speed=LIVE_SPEED)
    *_, streamed = listen_live(scorer, live, ring_seconds=4 * hearing.clip_seconds)
    return {
        "listen_real_time_factor": waited.busy_share,
        "listen_dropped_seconds": streamed.dropped_seconds,
        "listen_megabytes": common.peak_bytes() / 1e6,
        "listen_hour_megabytes": (memory[-1] - memory[0]) / 1e6,
    }


def _listened_week() -> common.Figures:
    from soundscapes.events import Event
    from student import ClipScorer, listen_live

    memory: list[int] = []

    def after(second: int) -> None:
        if second % DAY == 0:
            memory.append(resident_bytes())

    def loudness(clip: np.ndarray) -> np.ndarray:
        return np.abs(clip[None]).max(axis=1)

    scorer = ClipScorer(("call",), WEEK_RATE_HZ, 5.0, loudness)
    week = listen_live(scorer, Stream(7 * DAY, WEEK_RATE_HZ, after=after), thresholds=0.3)
    num_events = sum(isinstance(each, Event) for each in week)
    return {
        "listen_week_megabytes": (memory[-1] - memory[0]) / 1e6,
        "listen_week_events": num_events,
    }


def resident_bytes() -> int:
    """The memory that this process holds now."""
    status = Path("/proc/self/status").read_text("utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024
