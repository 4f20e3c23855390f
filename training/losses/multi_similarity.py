"""Multi-similarity loss: pairs are chosen and weighed by how they compare with an anchor's others."""

from __future__ import annotations

import keras
from keras import ops

from training.losses.distances import NOTHING, masked_logsumexp, pairwise_cosines
from training.losses.pair_loss import (
    ComparedPairs,
    PairLoss,
    has_both,
    require_positive,
    shares_of_mean,
)


@keras.saving.register_keras_serializable(package="fused_encoder")
class MultiSimilarityLoss(PairLoss):
    """log(1 + sum exp(-alpha (s_p - base))) / alpha + log(1 + sum exp(beta (s_n - base))) / beta.

    s is the cosine similarity. Only pairs that tell something are summed: negatives more similar than
    the least similar positive less `epsilon`, and positives less similar than the most similar negative
    plus `epsilon`. The mean is over anchors with a positive and a negative; one that separates them
    by more than `epsilon` costs nothing.

    Args:
        alpha: float > 0, how sharply the least similar positives rule. Default 2.
        beta: float > 0, how sharply the most similar negatives rule. Default 50.
        base: float in (-1, 1], the similarity that negatives should stay under and positives above.
            Default 0.5, as in the authors' code (their paper says 1).
        epsilon: float > 0, in similarity. Default 0.1.
        name: str, of the loss in the logs.
        reduction: as in `keras.losses.Loss`.

    Call:
        As in `PairLoss`.
    Raises:
        ValueError: an option is out of range, or labels and embeddings do not fit.
    Reference:
        Wang et al., "Multi-similarity loss with general pair weighting for deep metric learning",
        2019, https://arxiv.org/abs/1904.06627.
    """

    alpha: float
    beta: float
    base: float
    epsilon: float

    def __init__(
        self,
        alpha: float = 2.0,
        beta: float = 50.0,
        *,
        base: float = 0.5,
        epsilon: float = 0.1,
        name: str = "multi_similarity_loss",
        reduction: str | None = "sum_over_batch_size",
    ) -> None:
        require_positive(alpha=alpha, beta=beta, epsilon=epsilon)
        if not -1 < base <= 1:
            raise ValueError(f"Expected base (a cosine similarity) in (-1, 1], received {base}.")
        options = {"alpha": alpha, "beta": beta, "base": base, "epsilon": epsilon}
        super().__init__(name=name, reduction=reduction, **options)

    def compare(self, pairs: ComparedPairs) -> keras.KerasTensor:
        """See `PairLoss.compare`."""
        similarities = pairwise_cosines(pairs.anchors, pairs.references)
        least = ops.min(ops.where(pairs.is_positive, similarities, -NOTHING), axis=1, keepdims=True)
        most = ops.max(ops.where(pairs.is_negative, similarities, NOTHING), axis=1, keepdims=True)
        positives = pairs.is_positive & (similarities < most + self.epsilon)
        negatives = pairs.is_negative & (similarities > least - self.epsilon)
        above_base = similarities - self.base
        pull = ops.softplus(masked_logsumexp(-self.alpha * above_base, positives)) / self.alpha
        push = ops.softplus(masked_logsumexp(self.beta * above_base, negatives)) / self.beta
        is_valid = has_both(pairs)
        return shares_of_mean(ops.where(is_valid, pull + push, 0.0), ops.cast(is_valid, "float32"))
