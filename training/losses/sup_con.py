"""Supervised contrastive loss: all positives of an anchor share one softmax with its negatives."""

from __future__ import annotations

import keras
from keras import ops

from training.losses.distances import pairwise_cosines
from training.losses.masked_logsumexp import masked_logsumexp
from training.losses.options import require_positive
from training.losses.pair_loss import PairLoss, has_both, num_true, shares_of_mean


@keras.saving.register_keras_serializable(package="fused_encoder")
class SupConLoss(PairLoss):
    """Mean over positives of -log(exp(s_p / t) / sum over all others exp(s_a / t)), s: cosine.

    Like `InfoNCELoss`, but an anchor's other positives stand below the line too, and every anchor
    counts the same however many positives it has. With a single positive of each anchor the two are
    equal. It cannot reach 0 where there are several positives.

    Args:
        temperature: t, float > 0; the lower, the more the nearest items rule. Default 0.1.
        name: str, of the loss in the logs.
        reduction: as in `keras.losses.Loss`.

    Call:
        As in `PairLoss`.
    Raises:
        ValueError: an option is out of range, or labels and embeddings do not fit.
    Reference:
        Khosla et al., "Supervised contrastive learning", 2020, https://arxiv.org/abs/2004.11362
        (their L_out, without the factor of temperature / base temperature; anchors without a
        negative are left out here).
    """

    def __init__(
        self,
        temperature: float = 0.1,
        *,
        name: str = "sup_con_loss",
        reduction: str | None = "sum_over_batch_size",
    ) -> None:
        super().__init__(name=name, reduction=reduction)
        require_positive(temperature=temperature)
        self.temperature = temperature

    def compare(
        self,
        anchors: keras.KerasTensor,
        references: keras.KerasTensor,
        is_positive: keras.KerasTensor,
        is_negative: keras.KerasTensor,
    ) -> keras.KerasTensor:
        """See `PairLoss.compare`."""
        logits = pairwise_cosines(anchors, references) / self.temperature
        of_all = masked_logsumexp(logits, is_positive | is_negative)
        num_positives = num_true(is_positive)
        of_positives = ops.sum(ops.where(is_positive, logits, 0.0), axis=1)
        losses = of_all - of_positives / ops.maximum(num_positives, 1.0)
        is_valid = has_both(is_positive, is_negative)
        return shares_of_mean(ops.where(is_valid, losses, 0.0), ops.cast(is_valid, "float32"))

    def get_config(self) -> dict[str, object]:
        """The arguments, as given."""
        return {**super().get_config(), "temperature": self.temperature}
