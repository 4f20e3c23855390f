"""How much faster `prepare_triplets` is than the published way, and a second run than the first.

python benchmarks/prepare_speed.py [--triplets 24] [--rounds 3] [--json FILE]

The published way decodes, resamples (resampy, kaiser_best) and hears every member of every triplet anew.
It is measured on some triplets drawn at random, and extrapolated to all of them; so is the same way if it
decoded and resampled no more than the 5 s that it keeps. Both ways take turns, on the same loaded model
and with the files in the operating system's cache; importing TensorFlow and loading models count for
neither. The first cold run of a model also traces its TensorFlow functions: it is told by itself.

Data in FUSED_ENCODER_DATA (default ../shared/data), weights in FUSED_ENCODER_WEIGHTS
(default ../shared/weights).
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import resampy
import soundfile
import tensorflow as tf

from fused_encoder import load_yamnet
from fused_encoder.front_ends.yamnet import Yamnet
from triplets import FeatureStore, PairedFolders, prepare_triplets, scan_folders

SHARED = Path(__file__).resolve().parents[2] / "shared"
AUDIO_SECONDS = 5.0
SAMPLE_RATE_HZ = 16_000


def main() -> None:
    """Prints one table: each YAMNet's published way, first run and second run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--per-class", type=int, default=100, help="triplets that are prepared")
    parser.add_argument("--triplets", type=int, default=24, help="of the published way, measured")
    parser.add_argument("--rounds", type=int, default=3, help="turns that both ways take")
    parser.add_argument("--json", metavar="FILE", type=Path)
    options = parser.parse_args()
    data = Path(os.environ.get("FUSED_ENCODER_DATA", SHARED / "data")) / "nine_species"
    weights = Path(os.environ.setdefault("FUSED_ENCODER_WEIGHTS", str(SHARED / "weights")))
    folders = scan_folders(data / "images", data / "audio")
    _read_all(folders)
    results: dict[str, float] = {}
    yamnets = {"": load_yamnet(), "_h5": load_yamnet(weights / "yamnet.h5")}
    for suffix, yamnet in yamnets.items():
        measured = measure(
            (data / "images", data / "audio"),
            yamnet,
            triplets_per_class=options.per_class,
            num_published=options.triplets,
            num_rounds=options.rounds,
        )
        print_table("load_yamnet()" if not suffix else "yamnet.h5", measured)
        results |= {f"{name}{suffix}": value for name, value in measured.items()}
    if options.json:
        options.json.write_text(json.dumps(results, indent=1), encoding="utf-8")


def measure(
    image_and_audio: tuple[Path, Path],
    yamnet: Yamnet,
    *,
    triplets_per_class: int,
    num_published: int,
    num_rounds: int,
) -> dict[str, float]:
    """Seconds of both ways, and their ratios.

    Args:
        image_and_audio: class folders of photos and of recordings.
        yamnet: what both ways run.
        triplets_per_class: int >= 1, triplets that are prepared.
        num_published: int >= num_rounds, triplets of the published way that are measured.
        num_rounds: int >= 1, how often the ways take turns.
    """
    folders = scan_folders(*image_and_audio)
    members = draw_members(folders, np.random.default_rng(0))
    _compile_resampy()
    whole, excerpts, cold, warm = (list[float]() for _ in range(4))
    for turn in range(num_rounds):
        for _ in range(turn, num_published, num_rounds):
            triplet = next(members)
            whole.append(_seconds(published_triplet, yamnet, triplet, None))
            excerpts.append(_seconds(published_triplet, yamnet, triplet, AUDIO_SECONDS))
        with tempfile.TemporaryDirectory() as empty:
            prepare = partial(_prepare, image_and_audio, yamnet, triplets_per_class, Path(empty))
            cold.append(_seconds(prepare))
            warm.extend(_seconds(prepare) for _ in range(3))
    num_triplets = triplets_per_class * len(folders.class_names)
    published_seconds = num_triplets * sum(whole) / len(whole)
    excerpt_seconds = num_triplets * sum(excerpts) / len(excerpts)
    return {
        "cold_speedup": published_seconds / median(cold),
        "warm_speedup": median(cold) / median(warm),
        "cold_speedup_over_excerpts": excerpt_seconds / median(cold),
        "cold_seconds": median(cold),
        "first_cold_seconds": cold[0],
        "warm_seconds": median(warm),
        "published_seconds": published_seconds,
        "published_excerpt_seconds": excerpt_seconds,
        "published_seconds_per_triplet": sum(whole) / len(whole),
        "num_triplets": num_triplets,
        "num_triplets_measured": len(whole),
    }


def draw_members(
    folders: PairedFolders, rng: np.random.Generator
) -> Iterator[list[tuple[Path, Path]]]:
    """Endlessly: the photos and recordings of anchor, positive and negative, as published."""
    num_classes = len(folders.class_names)
    images = [[f.path for f in folders.images if f.class_index == c] for c in range(num_classes)]
    audio = [[f.path for f in folders.recordings if f.class_index == c] for c in range(num_classes)]
    while True:
        own, other = rng.choice(num_classes, 2, replace=False)
        yield [
            (images[c][rng.integers(len(images[c]))], audio[c][rng.integers(len(audio[c]))])
            for c in (own, own, other)
        ]


def published_triplet(
    yamnet: Yamnet, members: list[tuple[Path, Path]], read_seconds: float | None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """A triplet as the published code makes it: every member decoded, resampled and heard anew.

    Args:
        yamnet: waveform -> (scores, embeddings, log mel).
        members: photo and recording of anchor, positive and negative.
        read_seconds: float or None, how much is decoded and resampled. None: all, as published.
    """
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
        embeddings = yamnet(tf.convert_to_tensor(sound, tf.float32))[1]
        made.append((photo, np.asarray(embeddings)))
    return made


def print_table(name: str, measured: dict[str, float]) -> None:
    """One row for each way, with how many times faster the cold and the warm run are."""
    published = (
        f"published way ({measured['num_triplets_measured']:.0f} triplets measured, extrapolated)"
    )
    rows = [
        (published, "published_seconds", ""),
        ("the same, if it read 5 s only", "published_excerpt_seconds", ""),
        ("prepare_triplets, cold", "cold_seconds", f"{measured['cold_speedup']:.0f} x"),
        ("prepare_triplets, cold, the very first", "first_cold_seconds", ""),
        ("prepare_triplets, warm", "warm_seconds", f"{measured['warm_speedup']:.1f} x cold"),
    ]
    print(f"{name}: {measured['num_triplets']:.0f} triplets{'':<36}{'seconds':>9}  faster")
    for label, key, faster in rows:
        print(f"  {label:<60}{measured[key]:>9.2f}  {faster}".rstrip())
    print(f"  (cold against reading 5 s only: {measured['cold_speedup_over_excerpts']:.0f} x)\n")


def _prepare(
    image_and_audio: tuple[Path, Path], yamnet: Yamnet, triplets_per_class: int, store: Path
) -> None:
    prepare_triplets(
        *image_and_audio,
        yamnet,
        triplets_per_class,
        audio_seconds=AUDIO_SECONDS,
        max_audio_seconds=AUDIO_SECONDS,
        store=FeatureStore(store),
        progress=False,
    )


def _seconds(run: Callable[..., object], *arguments: object) -> float:
    start = time.perf_counter()
    run(*arguments)
    return time.perf_counter() - start


def _compile_resampy() -> None:
    resampy.resample(np.zeros(4800), 48_000, SAMPLE_RATE_HZ)


def _read_all(folders: PairedFolders) -> None:
    for file in (*folders.images, *folders.recordings):
        file.path.read_bytes()


if __name__ == "__main__":
    main()
