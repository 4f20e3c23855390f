"""How a sound classifier is trained, as one record that a run keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from soundscapes.clips import SAMPLINGS, Sampling
from soundscapes.losses import SoundLoss

if TYPE_CHECKING:
    from soundscapes.augmentation.augmentation import Augmentation


@dataclass(frozen=True)
class SoundTraining:
    """How a sound classifier is trained.

    Args:
        clip_seconds: float > 0, of sound that the network takes at once. Default: 5 on spectrograms, as
            published; 30 on a frozen front end, where nearly all of a recording fits.
        max_seconds: float > 0, read of each recording, from its start; None: all.
        epochs: int >= 1; each has as many clips as there are recordings, at least `min_steps` batches.
        min_steps: int >= 1, batches in an epoch.
        batch_size: int >= 1.
        learning_rate: float > 0, at its peak; it rises over `warm_up` of the steps and falls along a cosine.
            Default: 1e-3; 3e-4 where a network has learnt from photos; 1e-4 where a linear head on a frozen
            front end has its start already.
        warm_up: float in [0, 1).
        weight_decay: float >= 0, of AdamW.
        loss: see `sound_loss`.
        label_smoothing: float in [0, 1).
        secondary_weight: float in [0, 1], the label of secondary species.
        sampling: how often a recording is drawn, see `clip_batches`.
        augmentation: of clips; None: none. Default: `Augmentation()` on spectrograms,
            `Augmentation.for_embeddings()` on a frozen front end.
        from_waveforms: whether clips are decoded anew at every step and their sound is augmented too, for
            spectrograms only; see `waveform_clip_batches`.
        ema_momentum: float in [0, 1), of the running mean of the weights that is kept; 0: none.
        head_start: whether a linear head, or the last layer of a pretrained network on spectrograms, begins
            as a regression on mean features and, on BirdNET, with its own weights of the species that it
            knows by name, see `start_head`.
        freeze_at: int >= 0, of a network on spectrograms that learnt from photos: its first layers, whose
            output is the picture halved at most so many times, stay as they are. 0: all are trained. At 3
            a step takes a third of the time.
        patience: int >= 1, epochs without a better average precision after which training stops, with the
            best weights; a fifth of the training recordings (other sources) is watched instead of trained
            on. None: all are trained on, for all epochs.
        seed: of the weights, clips and augmentation.
    """

    clip_seconds: float | None = None
    max_seconds: float | None = 60.0
    epochs: int = 30
    min_steps: int = 10
    batch_size: int = 32
    learning_rate: float | None = None
    warm_up: float = 0.1
    weight_decay: float = 1e-4
    loss: SoundLoss = "binary_cross_entropy"
    label_smoothing: float = 0.1
    secondary_weight: float = 0.5
    sampling: Sampling = "square_root"
    augmentation: Augmentation | Literal["default"] | None = "default"
    from_waveforms: bool = False
    ema_momentum: float = 0.0
    head_start: bool = True
    freeze_at: int = 3
    patience: int | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.epochs, self.min_steps, self.batch_size) < 1 or not (
            self.learning_rate is None or self.learning_rate > 0
        ):
            raise ValueError(
                "Expected epochs, min_steps and batch_size of at least 1 and learning_rate above 0, received "
                f"{self.epochs}, {self.min_steps}, {self.batch_size} and {self.learning_rate}."
            )
        if self.sampling not in SAMPLINGS:
            raise ValueError(
                f"Expected sampling of {', '.join(SAMPLINGS)}, received {self.sampling!r}."
            )

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)

    def augmentation_on(self, *, is_mel: bool) -> Augmentation | None:
        """What clips of spectrograms, or of other frames, are changed by."""
        from soundscapes.augmentation.augmentation import Augmentation

        if self.augmentation != "default":
            return self.augmentation
        return Augmentation() if is_mel else Augmentation.for_embeddings()


def training_from_dict(record: Mapping[str, Any]) -> SoundTraining:
    """The options that `SoundTraining.to_dict` gave."""
    from soundscapes.augmentation.augmentation import Augmentation

    augmentation = record["augmentation"]
    if isinstance(augmentation, Mapping):
        augmentation = Augmentation.from_dict(augmentation)
    return SoundTraining(**{**record, "augmentation": augmentation})
