"""Training options: how an encoder is trained, as one record that a run keeps."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from training.losses import LossMining
from training.losses.pair_loss import require_choice
from training.losses.triplet import LOSS_MININGS
from triplets.mining import MINING_WAYS, Mining
from triplets.pair_batches import EXPONENTS, Sampling

HeadStart = Literal["closed_form"]
HEAD_STARTS = ("closed_form",)
FINE_TUNING = {"learning_rate": 3e-4, "class_scale": 16.0, "class_margin": 0.2}


@dataclass(frozen=True)
class PairBatches:
    """Batches of P classes and K pairs of each, see `pair_batches`: the default.

    Args:
        classes_per_batch: int >= 2, P.
        pairs_per_class: int >= 2, K.
        steps_per_epoch: int >= 1.
        sampling: how often a class is drawn.
    """

    classes_per_batch: int = 12
    pairs_per_class: int = 3
    steps_per_epoch: int = 20
    sampling: Sampling = "class_balanced"

    def __post_init__(self) -> None:
        require_choice("sampling", self.sampling, tuple(EXPONENTS))
        _require(self, 2, "classes_per_batch", "pairs_per_class")
        _require(self, 1, "steps_per_epoch")


@dataclass(frozen=True)
class MinedTriplets:
    """Batches of triplets that were mined beforehand, as published, see `prepare_triplets`.

    Args:
        num_triplets_per_class: int >= 1, mined before training; an epoch sees each once.
        batch_size: int >= 1, triplets per step.
        mining: how negatives are chosen before training, see `mine_triplets`.
        remine_every: int >= 1, epochs after which triplets are mined anew with the encoder as it is
            by then ("semi-hard" where `mining` is "cosine", whose limit is for similarities of
            recordings); None: never.
    """

    num_triplets_per_class: int = 100
    batch_size: int = 8
    mining: Mining = "cosine"
    remine_every: int | None = None

    def __post_init__(self) -> None:
        require_choice("mining", self.mining, MINING_WAYS)
        _require(self, 1, "num_triplets_per_class", "batch_size")
        if self.remine_every is not None:
            _require(self, 1, "remine_every")


@dataclass(frozen=True)
class TrainingOptions:
    """How an encoder is trained. The defaults are the recipe that docs/results.md measures.

    (There real recordings are embedded whole: `audio_window_seconds=45.0, max_audio_seconds=None`.)

    Args:
        batches: `PairBatches`, or `MinedTriplets`.
        head_start: "closed_form" sets the projections of pretrained features, before anything is trained,
            to a regression on the classes (`start_head`): for encoders whose branches are added up and whose
            image backbone is frozen, whole or all but its last block, such as `recommended_encoder()`; others
            begin as they are. What their projections have learnt before is overwritten. None: all begin as
            they are.
        epochs: int >= 1.
        learning_rate: float > 0, at its highest; it rises over the first steps and falls to 0 along a
            cosine.
        margin: float > 0, see `TripletLoss`.
        loss_mining: how triplets are chosen within a batch, see `TripletLoss`; None, with
            `MinedTriplets`: as mined before.
        class_scale: float > 0, of the cross-entropy over classes that is added to the triplet loss, see
            `ArcFaceLoss`; None: the triplet loss alone.
        class_margin: float in [0, π / 2), its margin in radians.
        augment: whether photos are varied lightly; None: where some of the image backbone is trained.
        flip: whether they may then be flipped left to right. False where flanks differ.
        cache_frozen: whether the frozen part of the image branch runs once per photo, and training
            starts behind it: quicker, with the same result, except that photos are then varied in a
            few ways each, not anew at each step.
        audio_seconds: float > 0, how much sound a pair has in training.
        audio_window_seconds: float >= audio_seconds or None (the same), the window of sound that is embedded
            at once; a longer recording is the mean of its windows.
        max_audio_seconds: float > 0 or None (all), how much of a recording is read. With None no more
            windows are embedded than make a minute.
        held_out_fraction: float in (0, 1), of each class's sources, not trained on.
        seed: int >= 0, for split, batches, weights and order.

    Raises:
        ValueError: an option is out of range.
    """

    batches: PairBatches | MinedTriplets = field(default_factory=PairBatches)
    head_start: HeadStart | None = "closed_form"
    epochs: int = 15
    learning_rate: float = 3e-3
    margin: float = 0.2
    loss_mining: LossMining | None = "hard"
    class_scale: float | None = 8.0
    class_margin: float = 0.0
    augment: bool | None = None
    flip: bool = True
    cache_frozen: bool = True
    audio_seconds: float = 5.0
    audio_window_seconds: float | None = None
    max_audio_seconds: float | None = 30.0
    held_out_fraction: float = 0.25
    seed: int = 0

    def __post_init__(self) -> None:
        require_choice("head_start", self.head_start, (*HEAD_STARTS, None))
        require_choice("loss_mining", self.loss_mining, LOSS_MININGS)
        _require(self, 1, "epochs")
        _require(self, 0, "seed")
        positive = ("learning_rate", "margin", "class_scale", "audio_seconds", "max_audio_seconds")
        for name in positive:
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"Expected {name} > 0, received {value}.")
        if not 0 <= self.class_margin < math.pi / 2:
            raise ValueError(
                f"Expected class_margin in [0, π / 2) (radians), received {self.class_margin}."
            )
        if not 0 < self.held_out_fraction < 1:
            raise ValueError(
                f"Expected held_out_fraction in (0, 1), received {self.held_out_fraction}."
            )
        if not self.audio_seconds <= self.window_seconds < math.inf:
            raise ValueError(
                f"Expected audio_window_seconds >= audio_seconds ({self.audio_seconds}), received "
                f"{self.audio_window_seconds}."
            )
        if self.loss_mining is None and isinstance(self.batches, PairBatches):
            raise ValueError(
                "loss_mining=None takes triplets as they were mined before, but the batches are of pairs. "
                "Choose a way of mining, or batches=MinedTriplets()."
            )

    @classmethod
    def fine_tuning(cls, **changes: Any) -> TrainingOptions:
        """How the last block of a backbone is trained too: by ArcFace and in small steps.

        For `recommended_encoder(image_trainable="last_block")`.

        Args:
            **changes: options as in `TrainingOptions`, in place of those of fine-tuning.
        """
        return cls(**{**FINE_TUNING, **changes})

    @property
    def window_seconds(self) -> float:
        """The window of sound that is embedded at once, in seconds."""
        return self.audio_window_seconds or self.audio_seconds

    @property
    def max_windows(self) -> int:
        """How many such windows of a recording are embedded at most."""
        return max(1, math.ceil((self.max_audio_seconds or 60.0) / self.window_seconds))

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for `from_dict`."""
        kind = "pairs" if isinstance(self.batches, PairBatches) else "triplets"
        return {**asdict(self), "batches": {"kind": kind, **asdict(self.batches)}}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainingOptions:
        """The options that `to_dict` gave.

        Raises:
            TypeError, KeyError: they are not such options.
        """
        batches = dict(values["batches"])
        kind = {"pairs": PairBatches, "triplets": MinedTriplets}[batches.pop("kind")]
        return cls(**{**values, "batches": kind(**batches)})


def _require(options: object, least: int, *names: str) -> None:
    for name in names:
        if getattr(options, name) < least:
            raise ValueError(f"Expected {name} >= {least}, received {getattr(options, name)}.")
