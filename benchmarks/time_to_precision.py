"""How long training takes until held-out pairs of nine_species find their class often enough.

Ours is measured by the clock, from prepared photos and sounds to the end of the epoch in which fused
P@1 reaches the target: looking at each photo with the frozen backbone, building graphs and validation are
counted. For the published recipe the steps are counted that it needs (with a frozen MobileNetV2 of the same
weights, so that it can be run at all), and each takes as long as a published step takes here. Where it does
not reach the target, the steps that were tried are a lower bound.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from pathlib import Path

import keras

from fused_encoder import create_fused_encoder, load_yamnet
from training import MinedTriplets, TrainingOptions, fit_encoder, recommended_encoder
from training.sides import split_media
from triplets import FeatureStore, PreparedMedia, prepare_media, scan_folders

SHARED = Path(__file__).resolve().parents[2] / "shared"
OURS = TrainingOptions(held_out_fraction=0.4)
PUBLISHED = replace(
    OURS,
    batches=MinedTriplets(num_triplets_per_class=24, batch_size=8),  # 27 steps an epoch
    loss_mining=None,
    class_scale=None,
    learning_rate=1e-3,
    epochs=25,
)


@dataclass
class Reached:
    """How far a run came: seconds by the clock, steps, and the P@1 it had then."""

    seconds: float
    num_steps: int
    precision: float


def nine_species(store: FeatureStore) -> tuple[PreparedMedia, PreparedMedia]:
    """Training and held-out files of split 0, prepared; neither side's time is counted."""
    os.environ.setdefault("FUSED_ENCODER_WEIGHTS", str(SHARED / "weights"))
    data = Path(os.environ.get("FUSED_ENCODER_DATA", SHARED / "data")) / "nine_species"
    folders = scan_folders(data / "images", data / "audio")
    media = prepare_media(folders, load_yamnet(), store=store, progress=False)
    return split_media(media, held_out_fraction=OURS.held_out_fraction, seed=OURS.seed)


def ours(sides: tuple[PreparedMedia, PreparedMedia], target: float, store: FeatureStore) -> Reached:
    """The recipe of `train_encoder`."""
    keras.utils.set_random_seed(OURS.seed)  # for the encoder's weights
    encoder = recommended_encoder(seed=OURS.seed)
    return _until(encoder, sides, OURS, target, store)


def published(
    sides: tuple[PreparedMedia, PreparedMedia], target: float, store: FeatureStore
) -> Reached:
    """Triplets mined once, the published network behind a frozen backbone."""
    keras.utils.set_random_seed(PUBLISHED.seed)  # for the encoder's weights
    encoder = create_fused_encoder(
        image_backbone="mobilenet_v2", image_trainable="none", seed=PUBLISHED.seed
    )
    return _until(encoder, sides, PUBLISHED, target, store)


class _StopAt(keras.callbacks.Callback):
    def __init__(self, target: float) -> None:
        super().__init__()
        self._target = target
        self.num_steps = 0

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        self.num_steps += 1

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.model.stop_training = (logs or {})["val_precision_at_1"] >= self._target


def _until(
    encoder: keras.Model,
    sides: tuple[PreparedMedia, PreparedMedia],
    options: TrainingOptions,
    target: float,
    store: FeatureStore,
) -> Reached:
    keras.utils.set_random_seed(options.seed)
    stop = _StopAt(target)
    started = time.perf_counter()
    history = fit_encoder(encoder, *sides, options, store=store, callbacks=[stop], progress=False)
    seconds = time.perf_counter() - started
    return Reached(seconds, stop.num_steps, history["val_precision_at_1"][-1])
