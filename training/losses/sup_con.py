"""Supervised contrastive loss: all positives of an anchor share one softmax with its negatives."""

from __future__ import annotations

import keras
from keras import ops

from training.losses.distances import masked_logsumexp, pairwise_cosines
from training.losses.pair_loss import (
    ComparedPairs,
    PairLoss,
    has_both,
    num_true,
    require_positive,
    shares_of_mean,
)


@keras.saving.register_keras_serializable(package="fused_encoder")
class SupConLoss(PairLoss):
    """Mean over positives of -log(exp(s_p / t) / sum over all others exp(s_a / t)), s: cosine.

    Like `InfoNCELoss`, but an anchor's other positives stand below the line too, and every anchor
    counts the same however many positives it has. It cannot reach 0 where there are several positives.

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

    temperature: float

    def __init__(
        self,
        temperature: float = 0.1,
        *,
        name: str = "sup_con_loss",
        reduction: str | None = "sum_over_batch_size",
    ) -> None:
        require_positive(temperature=temperature)
        super().__init__(name=name, reduction=reduction, temperature=temperature)

    def compare(self, pairs: ComparedPairs) -> keras.KerasTensor:
        """See `PairLoss.compare`."""
        logits = pairwise_cosines(pairs.anchors, pairs.references) / self.temperature
        of_all = masked_logsumexp(logits, pairs.is_positive | pairs.is_negative)
        of_positives = ops.sum(ops.where(pairs.is_positive, logits, 0.0), axis=1)
        losses = of_all - of_positives / ops.maximum(num_true(pairs.is_positive), 1.0)
        is_valid = has_both(pairs)
        return shares_of_mean(ops.where(is_valid, losses, 0.0), ops.cast(is_valid, "float32"))
