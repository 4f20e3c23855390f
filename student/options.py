"""How a student is trained, as one record that a run keeps. The defaults are the published ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from soundscapes.clips import SAMPLINGS, Sampling


@dataclass(frozen=True)
class StudentTraining:
    """How a student learns from labels and from a teacher.

    Args:
        temperature: float > 0, by which both networks' logits are divided where they are compared.
        alpha: float in [0, 1], weight of what the teacher says; the labels have 1 - alpha.
        feature_weight: float >= 0, of how alike the teacher finds clips, see `SimilarityLoss`, beside its
            logits; 0, or a teacher without a summary: none.
        epochs: int >= 1, each of as many clips as there are.
        batch_size: int >= 2.
        learning_rate: float > 0, of AdamW at its peak.
        weight_decay: float >= 0.
        warm_up_epochs: int >= 0, in which the rate rises.
        reduce_patience: int >= 1, epochs without a lower validation loss after which the rate is halved.
        patience: int >= 1, after which training stops; the best weights are kept.
        clip_norm: float > 0, the longest step's gradient.
        sampling: how often a species' clips are drawn, see `clip_batches`. The distiller of Keras ignores
            weights of samples without a word, so species are balanced here.
        augment: whether training clips are changed as they are drawn, see `augmented_mel`.
        seed: of weights and clips.
    """

    temperature: float = 3.0
    alpha: float = 0.7
    feature_weight: float = 1.0
    epochs: int = 60
    batch_size: int = 16
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warm_up_epochs: int = 3
    reduce_patience: int = 5
    patience: int = 15
    clip_norm: float = 1.0
    sampling: Sampling = "class_balanced"
    augment: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if not (0 <= self.alpha <= 1 and self.temperature > 0 and self.feature_weight >= 0):
            raise ValueError(
                "Expected alpha in [0, 1], temperature above 0 and feature_weight of at least 0, received "
                f"{self.alpha}, {self.temperature} and {self.feature_weight}."
            )
        if min(self.epochs, self.batch_size - 1, self.patience, self.reduce_patience) < 1:
            raise ValueError(
                "Expected epochs, patience and reduce_patience of at least 1 and batch_size of at least 2, "
                f"received {self.epochs}, {self.patience}, {self.reduce_patience} and {self.batch_size}."
            )
        if self.sampling not in SAMPLINGS or self.learning_rate <= 0:
            raise ValueError(
                f"Expected sampling of {', '.join(SAMPLINGS)} and learning_rate above 0, received "
                f"{self.sampling!r} and {self.learning_rate}."
            )

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> StudentTraining:
        """The options that `to_dict` gave."""
        return cls(**record)
