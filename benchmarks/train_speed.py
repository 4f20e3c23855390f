"""How much faster a training step is behind the frozen trunk than the published one, and a whole training.

python benchmarks/train_speed.py [--rounds 5] [--steps-only] [--json FILE]

A step is one update on a batch of triplets. The published one calls the encoder for each of anchor, positive
and negative, and pushes every photo through all of VGG16, of which block 5 is trained. Ours read from disk
what the frozen trunk gave once. All ways take turns; figures are medians. Weights are random.

Then, on nine_species, how long training takes until fused P@1 of held-out pairs is 0.80. Ours is measured by
the clock, from prepared files on: looking at photos, building graphs and validation are counted. Of the
published recipe the steps are counted (with a frozen MobileNetV2, so that it can be run at all), each as long
as a published step takes here; where it does not reach the target, they are a lower bound.
"""

import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

import keras
import numpy as np
from common import Figures, nine_species, read_options, report

from fused_encoder import create_fused_encoder
from fused_encoder.encoder import behind_trunk
from training import (
    MinedTriplets,
    TrainingOptions,
    TripletLoss,
    create_triplet_model,
    fit_encoder,
    recommended_encoder,
)
from training.frozen_features import freeze_photos
from training.sides import split_media
from triplets import FeatureStore, PreparedMedia, Triplets
from triplets.mining import TripletRow
from triplets.prepared import PreparedFile

STEPS_IN_A_TURN = {"published": 1, "block5": 2, "frozen": 10}
ROLES = ("anchor", "positive", "negative")
NUM_FILES = 9
WINDOW_FRAMES = 10  # of YAMNet: 5 s
STEPS_PER_EPOCH = 100
TARGET = 0.80  # as in the keys below
OURS = TrainingOptions(held_out_fraction=0.4)
PUBLISHED = replace(
    OURS,
    batches=MinedTriplets(num_triplets_per_class=24, batch_size=8),  # 27 steps an epoch
    loss_mining=None,
    class_scale=None,
    learning_rate=1e-3,
    epochs=25,
)
Step = Callable[[], object]
Sides = tuple[PreparedMedia, PreparedMedia]


def main() -> None:
    """Measures steps, and whole trainings."""
    options = read_options(__doc__, triplets=8, rounds=5, steps_only=False)
    figures = measure_steps("vgg16", batch_size=options.triplets, num_rounds=options.rounds)
    if not options.steps_only:
        figures |= measure_time_to_target(figures["published_step_seconds"])
    report(options.json, figures)


def measure_steps(image_backbone: str, *, batch_size: int, num_rounds: int) -> Figures:
    """Seconds of a step in each way, and how many times faster than the published one ours are."""
    with tempfile.TemporaryDirectory() as folder:
        store = FeatureStore(folder)
        triplets = triplets_of_noise(Path(folder), num_triplets=STEPS_PER_EPOCH * batch_size)
        behind = {"block5": "last_block", "frozen": "none"}
        steps = {"published": published_step(image_backbone, triplets, batch_size)}
        for way, trainable in behind.items():
            steps[way] = step_behind_trunk(image_backbone, trainable, triplets, batch_size, store)
        figures = take_turns(steps, num_rounds)
    for way in behind:
        ratio = figures["published_step_seconds"] / figures[f"{way}_step_seconds"]
        figures[f"{way}_step_speedup"] = ratio
    return figures


def take_turns(steps: Mapping[str, Step], num_rounds: int) -> Figures:
    """Medians of each way's seconds by the clock, and of its processor seconds (all cores together)."""
    taken: dict[str, list[np.ndarray]] = {way: [] for way in steps}
    for step in steps.values():
        step()  # builds the TensorFlow graph
    for _ in range(num_rounds):
        for way, step in steps.items():
            for _ in range(STEPS_IN_A_TURN[way]):
                before = time.perf_counter(), time.process_time()
                step()
                after = time.perf_counter(), time.process_time()
                taken[way].append(np.subtract(after, before))
    return {
        f"{way}_step_{kind}": float(np.median(times, axis=0)[column])
        for way, times in taken.items()
        for column, kind in enumerate(("seconds", "processor_seconds"))
    }


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
    image_backbone: str, trainable: str, triplets: Triplets, batch_size: int, store: FeatureStore
) -> Step:
    """An update of what is trained, on features of the frozen trunk that are read from disk."""
    encoder = create_fused_encoder(
        image_backbone=image_backbone, image_weights=None, image_trainable=trainable
    )
    trunk = encoder.get_layer("image_trunk")
    features = freeze_photos(trunk, triplets.media, num_views=2, store=store, progress=False)
    model = create_triplet_model(behind_trunk(encoder))
    model.compile(keras.optimizers.Adam(1e-4), TripletLoss(0.2))
    following = iter(triplets.to_dataset(batch_size, photos=features, augment=True).repeat())
    return lambda: model.train_on_batch(*next(following))


def triplets_of_noise(folder: Path, *, num_triplets: int) -> Triplets:
    """Random triplets of three classes whose photos and sounds, written to the folder, are noise."""
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


def measure_time_to_target(published_step_seconds: float) -> Figures:
    """Seconds until fused P@1 on nine_species reaches the target, ours and as published."""
    with tempfile.TemporaryDirectory() as folder:
        store = FeatureStore(folder)
        media, _ = nine_species(store)
        sides = split_media(media, held_out_fraction=OURS.held_out_fraction, seed=OURS.seed)
        seconds, num_steps, precision = train_until(recommended_encoder, sides, OURS, store)
        network = partial(
            create_fused_encoder, image_backbone="mobilenet_v2", image_trainable="none"
        )
        _, published_steps, published_precision = train_until(network, sides, PUBLISHED, store)
    published_seconds = published_steps * published_step_seconds
    return {
        "time_to_080_seconds": seconds,
        "time_to_080_steps": num_steps,
        "time_to_080_precision_at_1": precision,
        "published_time_to_080_seconds": published_seconds,
        "published_time_to_080_steps": published_steps,
        "published_precision_at_1": published_precision,
        "time_to_080_speedup": published_seconds / seconds if precision >= TARGET else 0.0,
    }


def train_until(
    create: Callable[..., keras.Model], sides: Sides, options: TrainingOptions, store: FeatureStore
) -> tuple[float, int, float]:
    """Seconds by the clock and steps until the target is reached or training ends, and P@1 then."""
    keras.utils.set_random_seed(options.seed)  # for the encoder's weights
    encoder = create(seed=options.seed)
    keras.utils.set_random_seed(options.seed)
    stop = _StopAtTarget()
    started = time.perf_counter()
    history = fit_encoder(encoder, *sides, options, store=store, callbacks=[stop], progress=False)
    seconds = time.perf_counter() - started
    return seconds, stop.num_steps, history["val_precision_at_1"][-1]


class _StopAtTarget(keras.callbacks.Callback):
    num_steps = 0

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.num_steps += 1

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.model.stop_training = (logs or {})["val_precision_at_1"] >= TARGET


if __name__ == "__main__":
    main()
