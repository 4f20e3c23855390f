"""How much faster `prepare_triplets` is than the published way, and a second run than the first.

python benchmarks/prepare_speed.py [--triplets 24] [--rounds 3] [--json FILE]

The published way decodes, resamples (resampy, kaiser_best) and hears every member of every triplet anew. It
is measured on some random triplets of nine_species and extrapolated to all of them; so is the same way if it
read no more than the 5 s that it keeps. Both ways take turns on the same loaded model, with the files in the
operating system's cache; importing TensorFlow and loading models count for neither. Keys of `yamnet.h5` end
with `_h5`.
"""

import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import mean, median

import cv2
import numpy as np
import resampy
import soundfile
from common import Figures, data_folder, read_options, report, seconds, weights_folder

from fused_encoder import load_yamnet
from fused_encoder.front_ends.yamnet import Yamnet
from triplets import FeatureStore, LabelledFiles, prepare_triplets, scan_folders

AUDIO_SECONDS = 5.0
SAMPLE_RATE_HZ = 16_000


def main() -> None:
    """Measures with each YAMNet."""
    options = read_options(__doc__, per_class=100, triplets=24, rounds=3)
    results: Figures = {}
    for suffix, path in (("", None), ("_h5", weights_folder() / "yamnet.h5")):
        counts = (options.per_class, options.triplets, options.rounds)
        measured = measure(load_yamnet(path), *counts)
        results |= {f"{name}{suffix}": value for name, value in measured.items()}
    report(options.json, results)


def measure(yamnet: Yamnet, per_class: int, num_published: int, num_rounds: int) -> Figures:
    """Seconds of both ways on nine_species, and their ratios."""
    data = data_folder("nine_species")
    folders = scan_folders(data / "images", data / "audio")
    for file in (*folders.images, *folders.recordings):
        file.path.read_bytes()
    resampy.resample(np.zeros(4800), 48_000, SAMPLE_RATE_HZ)  # compiles
    members = draw_members(folders, np.random.default_rng(0))
    whole, excerpts, cold, warm = (list[float]() for _ in range(4))
    for turn in range(num_rounds):
        for _ in range(turn, num_published, num_rounds):
            triplet = next(members)
            whole.append(seconds(published_triplet, yamnet, triplet, None))
            excerpts.append(seconds(published_triplet, yamnet, triplet, AUDIO_SECONDS))
        with tempfile.TemporaryDirectory() as empty:
            prepare = partial(
                partial(prepare_triplets, data / "images", data / "audio", yamnet, per_class),
                audio_seconds=AUDIO_SECONDS,
                max_audio_seconds=AUDIO_SECONDS,
                store=FeatureStore(empty),
                progress=False,
            )
            cold.append(seconds(prepare))
            warm.extend(seconds(prepare) for _ in range(3))
    num_triplets = per_class * len(folders.class_names)
    published_seconds, excerpt_seconds = (num_triplets * mean(way) for way in (whole, excerpts))
    return {
        "cold_speedup": published_seconds / median(cold),
        "warm_speedup": median(cold) / median(warm),
        "cold_speedup_over_excerpts": excerpt_seconds / median(cold),
        "cold_seconds": median(cold),
        "warm_seconds": median(warm),
        "published_seconds": published_seconds,
        "published_excerpt_seconds": excerpt_seconds,
        "num_triplets_measured": len(whole),
    }


def draw_members(
    folders: LabelledFiles, rng: np.random.Generator
) -> Iterator[list[tuple[Path, Path]]]:
    """Endlessly: the photos and recordings of anchor, positive and negative, as published."""
    num_classes = len(folders.class_names)
    images, audio = (
        [[file.path for file in files if file.class_index == c] for c in range(num_classes)]
        for files in (folders.images, folders.recordings)
    )
    while True:
        own, other = rng.choice(num_classes, 2, replace=False)
        yield [
            (images[c][rng.integers(len(images[c]))], audio[c][rng.integers(len(audio[c]))])
            for c in (own, own, other)
        ]


def published_triplet(
    yamnet: Yamnet, members: list[tuple[Path, Path]], read_seconds: float | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """A triplet as the published code makes it; or by decoding no more than `read_seconds`."""
    made = []
    for image_path, audio_path in members:
        photo = cv2.cvtColor(cv2.imread(str(image_path)), cv2.COLOR_BGR2RGB)
        photo = cv2.resize(photo, (224, 224)) / 255.0
        rate = soundfile.info(audio_path).samplerate
        num_frames = -1 if read_seconds is None else round(read_seconds * rate)
        sound, rate = soundfile.read(audio_path, num_frames)
        sound = sound.mean(axis=1) if sound.ndim > 1 else sound
        if rate != SAMPLE_RATE_HZ:
            sound = resampy.resample(sound, rate, SAMPLE_RATE_HZ)
        length = round(AUDIO_SECONDS * SAMPLE_RATE_HZ)
        sound = np.pad(sound, (0, max(0, length - len(sound))))[:length]
        embeddings = yamnet(sound.astype(np.float32))[1]
        made.append((photo, np.asarray(embeddings)))
    return made


if __name__ == "__main__":
    main()
