"""How much faster a training step is behind the frozen trunk than the published one, and a whole training.

python benchmarks/train_speed.py [--rounds 5] [--steps-only] [--json FILE]

A step is one update on a batch of triplets. The published one calls the encoder once for each of anchor,
positive and negative, and so pushes every photo through all of VGG16 at each step, of which block 5 is
trained; its arrays lie ready in memory. Ours read what the frozen trunk gave, which was computed once,
from disk. All ways take turns, so that whatever else runs on the machine slows all of them; the figures
are medians. Weights are random (the arithmetic is that of pretrained ones), photos and sounds are noise.

The second table is of nine_species (FUSED_ENCODER_DATA, FUSED_ENCODER_WEIGHTS): see `time_to_precision.py`.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from statistics import median

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from fused_encoder import create_fused_encoder
from fused_encoder.encoder import behind_trunk
from fused_encoder.image_branch import ImageTrainable
from training import TripletLoss, create_triplet_model
from training.frozen_features import freeze_photos
from triplets import FeatureStore, PreparedMedia, Triplets
from triplets.mining import TripletRow
from triplets.prepared import PreparedFile

WAYS = {  # and how often a step of each is measured in a turn
    "published": 1,
    "block5": 2,
    "frozen": 10,
}
LABELS = {
    "published": "published: all of the backbone at each step",
    "block5": "last block trained, behind the frozen trunk",
    "frozen": "backbone frozen, behind its pooled features",
}
ROLES = ("anchor", "positive", "negative")
NUM_FILES = 9
WINDOW_FRAMES = 10  # of YAMNet: 5 s
STEPS_PER_EPOCH = 100
TARGET = 0.80  # as in the keys below
Step = Callable[[], object]


def main() -> None:
    """Prints one row per way of training."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--triplets", type=int, default=8, help="in a batch")
    parser.add_argument("--rounds", type=int, default=5, help="turns that all ways take")
    parser.add_argument("--steps-only", action="store_true", help="needs no data and no weights")
    parser.add_argument("--json", metavar="FILE", type=Path)
    options = parser.parse_args()
    figures = measure_steps("vgg16", batch_size=options.triplets, num_rounds=options.rounds)
    print_steps(figures)
    if not options.steps_only:
        figures |= measure_time_to(TARGET, figures["published_step_seconds"])
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


def measure_steps(image_backbone: str, *, batch_size: int, num_rounds: int) -> dict[str, float]:
    """Seconds of a step in each way, and how many times faster than the published one ours are.

    Args:
        image_backbone: name of the backbone, "vgg16" as published.
        batch_size: int >= 1, triplets.
        num_rounds: int >= 1, how often the ways take turns.
    """
    with tempfile.TemporaryDirectory() as folder:
        triplets = triplets_of_noise(Path(folder), num_triplets=STEPS_PER_EPOCH * batch_size)
        store = FeatureStore(folder)
        behind: dict[str, ImageTrainable] = {"block5": "last_block", "frozen": "none"}
        steps = {"published": published_step(image_backbone, triplets, batch_size)}
        for way, trainable in behind.items():
            steps[way] = step_behind_trunk(image_backbone, trainable, triplets, batch_size, store)
        figures = take_turns(steps, num_rounds)
    for way in behind:
        ratio = figures["published_step_seconds"] / figures[f"{way}_step_seconds"]
        figures[f"{way}_step_speedup"] = ratio
    return figures


def measure_time_to(target: float, published_step_seconds: float) -> dict[str, float]:
    """Seconds until fused P@1 on nine_species reaches a target, ours and as published; prints a row for each.

    Args:
        target: float in (0, 1].
        published_step_seconds: float, of a step of 8 triplets with VGG16.
    """
    import time_to_precision  # beside this file

    with tempfile.TemporaryDirectory() as folder:
        store = FeatureStore(folder)
        sides = time_to_precision.nine_species(store)
        ours = time_to_precision.ours(sides, target, store)
        published = time_to_precision.published(sides, target, store)
    published_seconds = published.num_steps * published_step_seconds
    reached_it = ours.precision >= target
    ratio = published_seconds / ours.seconds if reached_it else 0.0
    print(
        f"\n{'until fused P@1 is ' + format(target, '.2f'):<48}{'seconds':>9}{'steps':>7}{'P@1':>7}"
    )
    rows = (("ours, by the clock", ours.seconds, ours), ("published", published_seconds, published))
    for label, seconds, reached in rows:
        print(f"{label:<48}{seconds:>9.1f}{reached.num_steps:>7}{reached.precision:>7.3f}")
    at_least = (
        "" if published.precision >= target else " at least: the published one did not reach it"
    )
    print(f"{ratio:.0f} times shorter{at_least}" if reached_it else "ours did not reach it")
    return {
        "time_to_080_seconds": ours.seconds,
        "time_to_080_steps": ours.num_steps,
        "time_to_080_precision_at_1": ours.precision,
        "published_time_to_080_seconds": published_seconds,
        "published_time_to_080_steps": published.num_steps,
        "published_precision_at_1": published.precision,
        "time_to_080_speedup": ratio,
    }


def take_turns(steps: Mapping[str, Step], num_rounds: int) -> dict[str, float]:
    """Medians of each way's seconds by the clock, and of its processor seconds (all cores together)."""
    taken: dict[str, list[tuple[float, float]]] = {way: [] for way in steps}
    for step in steps.values():
        step()  # builds the TensorFlow graph
    for _ in range(num_rounds):
        for way, step in steps.items():
            for _ in range(WAYS[way]):
                start, processor_start = time.perf_counter(), time.process_time()
                step()
                taken[way].append(
                    (time.perf_counter() - start, time.process_time() - processor_start)
                )
    figures = {}
    for way, times in taken.items():
        seconds, processor_seconds = zip(*times, strict=True)
        figures[f"{way}_step_seconds"] = median(seconds)
        figures[f"{way}_step_processor_seconds"] = median(processor_seconds)
    return figures


def published_step(image_backbone: str, triplets: Triplets, batch_size: int) -> Step:
    """An update as published: six inputs, three calls of the encoder, photos through all its layers."""
    encoder = create_fused_encoder(
        image_backbone=image_backbone, image_weights=None, image_trainable="last_block"
    )
    inputs = {f"{role}_image": keras.Input((224, 224, 3), name=f"{role}_image") for role in ROLES}
    inputs |= {f"{role}_audio": keras.Input((None, 1024), name=f"{role}_audio") for role in ROLES}
    embeddings = [
        encoder({"image_input": inputs[f"{role}_image"], "audio_input": inputs[f"{role}_audio"]})
        for role in ROLES
    ]
    model = keras.Model(inputs, keras.ops.stack(embeddings, axis=1))
    model.compile(keras.optimizers.Adam(1e-4), TripletLoss(0.2))
    batch = next(iter(triplets.to_dataset(batch_size)))
    return lambda: model.train_on_batch(*batch)


def step_behind_trunk(
    image_backbone: str,
    trainable: ImageTrainable,
    triplets: Triplets,
    batch_size: int,
    store: FeatureStore,
) -> Step:
    """An update of what is trained, on features of the frozen trunk that are read from disk."""
    encoder = create_fused_encoder(
        image_backbone=image_backbone, image_weights=None, image_trainable=trainable
    )
    trunk = encoder.get_layer("image_trunk")
    features = freeze_photos(trunk, triplets.media, num_views=2, store=store, progress=False)
    model = create_triplet_model(behind_trunk(encoder))
    model.compile(keras.optimizers.Adam(1e-4), TripletLoss(0.2))

    def batches() -> Iterator[tuple]:
        while True:
            yield from triplets.to_dataset(batch_size, photos=features, augment=True)

    following = batches()
    return lambda: model.train_on_batch(*next(following))


def triplets_of_noise(folder: Path, *, num_triplets: int) -> Triplets:
    """Random triplets of three classes whose photos and sounds are noise.

    Args:
        folder: where the photos and sounds are written.
        num_triplets: int >= 1.
    """
    rng = np.random.default_rng(0)
    images, recordings = [], []
    for number in range(NUM_FILES):
        photo, sound = folder / f"photo{number}.npy", folder / f"sound{number}.npy"
        np.save(photo, rng.integers(1, 256, (224, 224, 3), np.uint8))
        np.save(sound, rng.random((4 * WINDOW_FRAMES, 1024), np.float32))
        images.append(PreparedFile(photo, number % 3, f"{number:064x}", photo))
        recordings.append(PreparedFile(sound, number % 3, f"{number:064x}", sound))
    media = PreparedMedia(("wren", "robin", "crow"), tuple(images), tuple(recordings))
    rows = []
    for _ in range(num_triplets):
        own, other = rng.choice(3, 2, replace=False)
        anchor, positive = own + 3 * rng.choice(NUM_FILES // 3, 2, replace=False)
        negative = other + 3 * rng.integers(NUM_FILES // 3)
        rows.append(TripletRow(*np.repeat([anchor, positive, negative], 2).tolist()))
    return Triplets(media, rows, window_frames=WINDOW_FRAMES)


def print_steps(figures: Mapping[str, float]) -> None:
    """One row for each way of training."""
    print(f"{'a step':<48}{'seconds':>9}{'processor':>11}{'faster':>9}")
    for way, label in LABELS.items():
        seconds, processor = (
            figures[f"{way}_step_{kind}"] for kind in ("seconds", "processor_seconds")
        )
        ratio = figures.get(f"{way}_step_speedup", 1.0)
        print(f"{label:<48}{seconds:>9.3f}{processor:>11.3f}{ratio:>7.1f} x")


if __name__ == "__main__":
    main()
