"""InfoNCE, N-pairs and NT-Xent: the positive is picked out from among the negatives."""

from __future__ import annotations

import keras
from keras import ops

from training.losses.distances import pairwise_cosines
from training.losses.masked_logsumexp import masked_logsumexp
from training.losses.options import require_positive
from training.losses.pair_loss import PairLoss, has_both, num_true, shares_of_mean


@keras.saving.register_keras_serializable(package="fused_encoder")
class InfoNCELoss(PairLoss):
    """-log(exp(s_p / t) / (exp(s_p / t) + sum over negatives exp(s_n / t))), s: cosine, t: temperature.

    Every positive is set against all negatives of its anchor at once, so that each step learns from
    the whole batch; a large batch of many classes serves best. The mean is over all positive pairs
    of anchors that have a negative. The same formula goes by several names: with two items of each
    class and temperature 1 it is the N-pairs loss (of unit vectors), with two views of each item
    NT-Xent.

    Args:
        temperature: float > 0; the lower, the more the nearest negatives rule. Default 0.1.
        name: str, of the loss in the logs.
        reduction: as in `keras.losses.Loss`.

    Call:
        As in `PairLoss`.
    Raises:
        ValueError: an option is out of range, or labels and embeddings do not fit.
    Reference:
        Sohn, "Improved deep metric learning with multi-class N-pair loss objective", 2016,
        https://papers.nips.cc/paper/6200; van den Oord et al., "Representation learning with
        contrastive predictive coding", 2018, https://arxiv.org/abs/1807.03748 (InfoNCE); Chen et
        al., "SimCLR", 2020, https://arxiv.org/abs/2002.05709 (NT-Xent).
    """

    def __init__(
        self,
        temperature: float = 0.1,
        *,
        name: str = "info_nce_loss",
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
        of_negatives = masked_logsumexp(logits, is_negative)[:, None]
        is_valid = is_positive & has_both(is_positive, is_negative)[:, None]
        losses = ops.where(is_valid, ops.softplus(of_negatives - logits), 0.0)
        return shares_of_mean(ops.sum(losses, axis=1), num_true(is_valid))

    def get_config(self) -> dict[str, object]:
        """The arguments, as given."""
        return {**super().get_config(), "temperature": self.temperature}
