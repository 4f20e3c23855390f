"""How large and how fast a student is, and how it listens for long.

Part of distillation.py (`--only size listen`). Each figure is measured in a process of its own, in which
TensorFlow has one thread.

- `parameter_ratio`: of the student's numbers to the teacher's; `speed_ratio`: one clip of 5 s from sound to
  logits, features included, BirdNET teacher by student. `student_features_seconds` is what of a student's
  clip its mel rows and 18 features take.
- `listen_real_time_factor`: work by sound heard, in an hour of sound with a clip every 2.5 s;
  `listen_megabytes` is the most memory that this takes, `listen_hour_megabytes` how much it grew after the
  first tenth. `listen_dropped_seconds`: of a stream that does not wait, sent five times as fast as it sounds
  for 100 s of sound.
- `listen_week_megabytes`: by how much memory grows from the first day to the seventh of a simulated week at
  1 kHz, through the same buffer, moments and events, with loudness in the student's place.
"""

import time

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
    import tensorflow as tf

    from fused_encoder import load_birdnet
    from student import StudentHearing, create_student
    from student.network import num_trained

    hearing, birdnet = StudentHearing(), load_birdnet()
    network = create_student(num_classes, hearing)
    answer = tf.function(network, jit_compile=False)
    numbers = sum(int(np.prod(v.shape)) for v in birdnet.module.variables)
    head = (birdnet.embedding_size + 18) * num_classes + num_classes
    sounds = np.random.default_rng(0).normal(0, 0.1, (12, hearing.clip_samples)).astype("float32")

    def student(sound):
        return answer(list(hearing.clip_inputs(sound[None]))).numpy()

    def teacher(sound):
        return np.asarray(birdnet.embed_sound(sound)), hearing.clip_inputs(sound[None])

    def features(sound):
        return hearing.clip_inputs(sound[None])

    ways = [student, teacher, features]
    for way in ways:
        way(sounds[0])  # traced before it is timed
    seconds = common.in_turns(ways, sounds[1:])
    return {
        "student_parameters": num_trained(network),
        "teacher_parameters": numbers + head,
        "parameter_ratio": num_trained(network) / (numbers + head) if numbers else float("nan"),
        "student_clip_seconds": seconds[0],
        "teacher_clip_seconds": seconds[1],
        "student_features_seconds": seconds[2],
        "speed_ratio": seconds[1] / seconds[0],
    }


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
    from student import Student, StudentHearing, create_student, listen_live, student_scorer

    hearing = StudentHearing()
    names = tuple(map(str, range(num_classes)))
    scorer = student_scorer(Student(create_student(num_classes, hearing), hearing, names))
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
    from pathlib import Path

    status = Path("/proc/self/status").read_text("utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024
