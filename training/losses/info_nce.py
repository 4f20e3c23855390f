"""InfoNCE (NT-Xent): the positive is picked out from among the negatives."""

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
class InfoNCELoss(PairLoss):
    """-log(exp(s_p / t) / (exp(s_p / t) + sum over negatives exp(s_n / t))), s: cosine, t: temperature.

    Every positive is set against all negatives of its anchor at once; a large batch of many classes
    serves best. The mean is over all positive pairs of anchors that have a negative. With two items of
    each class it is NT-Xent, the loss of SimCLR.

    Args:
        temperature: float > 0; the lower, the more the nearest negatives rule. Default 0.1.
        name: str, of the loss in the logs.
        reduction: as in `keras.losses.Loss`.

    Call:
        As in `PairLoss`.
    Raises:
        ValueError: an option is out of range, or labels and embeddings do not fit.
    Reference:
        van den Oord et al., "Representation learning with contrastive predictive coding", 2018,
        https://arxiv.org/abs/1807.03748 (InfoNCE); Chen et al., "SimCLR", 2020,
        https://arxiv.org/abs/2002.05709 (NT-Xent).
    """

    temperature: float

    def __init__(
        self,
        temperature: float = 0.1,
        *,
        name: str = "info_nce_loss",
        reduction: str | None = "sum_over_batch_size",
    ) -> None:
        require_positive(temperature=temperature)
        super().__init__(name=name, reduction=reduction, temperature=temperature)

    def compare(self, pairs: ComparedPairs) -> keras.KerasTensor:
        """See `PairLoss.compare`."""
        logits = pairwise_cosines(pairs.anchors, pairs.references) / self.temperature
        of_negatives = masked_logsumexp(logits, pairs.is_negative)[:, None]
        is_valid = pairs.is_positive & has_both(pairs)[:, None]
        losses = ops.where(is_valid, ops.softplus(of_negatives - logits), 0.0)
        return shares_of_mean(ops.sum(losses, axis=1), num_true(is_valid))
