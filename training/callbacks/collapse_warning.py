"""Collapse, when an encoder gives every item the same embedding: measured, and warned of."""

import logging
from collections.abc import Mapping

import keras
import numpy as np
import numpy.typing as npt

from training.losses import CrossBatchMemory, TripletLoss

logger = logging.getLogger(__name__)

MARGIN_TOLERANCE = 0.02  # how near to the margin a loss is "at" it, as a share of the margin
WHAT_TO_TRY = (
    "Try a learning rate ten times lower or a longer warm-up; mining='semi-hard' in place of 'hard'; "
    "more classes in a batch; and look whether the inputs differ at all (all-zero photos, silent "
    "recordings)."
)


def embedding_spread(embeddings: npt.ArrayLike) -> float:
    """How far embeddings lie from being all the same: 1 - length of their mean.

    For unit vectors it is the mean of 1 - cosine to their common direction. Well-trained encoders that meet
    many classes come near 1; below 0.001 all embeddings lie within some 3 degrees.

    Args:
        embeddings: float [num, embedding_size], unit length, num >= 2.

    Returns:
        float in [0, 1]: 0 if all are equal, 1 if they cancel out.

    Raises:
        ValueError: there are fewer than two, they are not a matrix, or they hold NaN or infinity.
    """
    vectors = np.asarray(embeddings, dtype=np.float64)
    if vectors.ndim != 2 or len(vectors) < 2 or not np.isfinite(vectors).all():
        raise ValueError(
            "Expected at least two finite embeddings, [num, embedding_size], received an array of shape "
            f"{vectors.shape}{'' if np.isfinite(vectors).all() else ' with NaN or infinity in it'}."
        )
    return float(np.clip(1.0 - np.linalg.norm(vectors.mean(axis=0)), 0.0, 1.0))


class CollapseWarning(keras.callbacks.Callback):
    """Warns, once in a `fit`, that the encoder has collapsed, and says what to try.

    Two signs are looked for at the end of each epoch: the embeddings of `probe` have no spread; or a
    `TripletLoss` stays at its margin, which is what a triplet costs whose three members have one
    embedding. (The latter alone can also mean that the task is too hard.) The spread is logged as
    `embedding_spread`.

    Args:
        probe: inputs of a small batch, as the encoder takes them, of at least two classes; such as
            `next(iter(dataset))[0]`. Held-out items tell most.
        encoder: what embeds the probe. Default: the model that is trained, if its output is
            embeddings [batch, embedding_size] or triplets [batch, 3, embedding_size].
        min_spread: float in [0, 1); a smaller spread is a collapse. Default 0.001.
        patience: int >= 1, how many epochs in a row a sign must show. Default 3.

    Raises:
        ValueError: an option is out of range.
    """

    def __init__(
        self,
        probe: Mapping[str, npt.ArrayLike] | npt.ArrayLike,
        *,
        encoder: keras.Model | None = None,
        min_spread: float = 1e-3,
        patience: int = 3,
    ) -> None:
        super().__init__()
        if not 0 <= min_spread < 1:
            raise ValueError(f"Expected min_spread in [0, 1), received {min_spread}.")
        if patience < 1:
            raise ValueError(f"Expected patience >= 1 (epochs), received {patience}.")
        self._probe = probe
        self._encoder = encoder
        self._min_spread = min_spread
        self._patience = patience

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        """Forgets what an earlier `fit` showed."""
        self._margin, self._loss_name = _margin_and_name_of(self.model.loss)
        self._epochs_without_spread = self._epochs_at_margin = 0
        self._has_warned = False

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Looks for the two signs, and warns."""
        logs = {} if logs is None else logs
        logs["embedding_spread"] = spread = self._spread()
        loss = logs.get(self._loss_name, np.nan)
        margin = self._margin or np.nan
        at_margin = abs(loss - margin) <= MARGIN_TOLERANCE * margin
        is_flat = spread < self._min_spread
        self._epochs_without_spread = (self._epochs_without_spread + 1) * is_flat
        self._epochs_at_margin = (self._epochs_at_margin + 1) * at_margin
        if self._epochs_without_spread >= self._patience:
            self._warn(f"the embeddings of the probe are nearly the same (spread {spread:.1e})")
        elif self._epochs_at_margin >= self._patience:
            self._warn(
                f"the loss has stayed at the margin ({loss:.4f} at margin {self._margin:g}) for "
                f"{self._epochs_at_margin} epochs: positives are no nearer than negatives"
            )

    def _spread(self) -> float:
        encoder = self._encoder or self.model
        embeddings = np.asarray(encoder(self._probe, training=False), dtype=np.float64)
        embeddings = embeddings.reshape(-1, embeddings.shape[-1])
        return embedding_spread(embeddings) if np.isfinite(embeddings).all() else float("nan")

    def _warn(self, sign: str) -> None:
        if not self._has_warned:
            logger.warning("The encoder seems to have collapsed: %s. %s", sign, WHAT_TO_TRY)
        self._has_warned = True


def _margin_and_name_of(loss: object) -> tuple[float | None, str]:
    """The margin of a triplet loss, alone or among losses by output, and the name it is logged under."""
    losses = loss if isinstance(loss, Mapping) else {"": loss}
    for name, one in losses.items():
        inner = one.loss if isinstance(one, CrossBatchMemory) else one
        if isinstance(inner, TripletLoss):
            return inner.margin, f"{name}_loss" if len(losses) > 1 else "loss"
    return None, "loss"
