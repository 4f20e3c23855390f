"""Losses over all pairs of a batch: contrastive, InfoNCE, supervised contrastive, multi-similarity.

Labels and embeddings, and `name` and `reduction`, are as in `PairLoss`.
"""

import keras
from keras import ops

from training.losses.distances import (
    DISTANCES,
    NOTHING,
    Distance,
    masked_logsumexp,
    pairwise_cosines,
    pairwise_distances,
)
from training.losses.pair_loss import (
    ComparedPairs,
    PairLoss,
    mean_where,
    require_choice,
    require_positive,
)


@keras.saving.register_keras_serializable(package="fused_encoder")
class ContrastiveLoss(PairLoss):
    """½ d² over positive pairs, and ½ max(0, margin - d)² over negative pairs.

    Positive pairs are averaged by themselves and negative pairs by themselves, and the two means are
    added: in a batch of many classes negative pairs are many times as many, and would rule. An anchor
    without a negative still counts for its positives, and the other way round.

    Args:
        margin: float > 0, in units of `distance`; negatives farther apart cost nothing. Default 1.0
            (unit vectors at 60 degrees, for "euclidean").
        distance: d: "euclidean" (default, as published), "squared_euclidean" or "cosine".

    Raises:
        ValueError: an option is out of range.
    Reference:
        Hadsell et al., "Dimensionality reduction by learning an invariant mapping", 2006,
        https://doi.org/10.1109/CVPR.2006.100 (a sum over all pairs; the two means are ours).
    """

    OPTIONS = ("margin", "distance")

    def __init__(
        self, margin: float = 1.0, *, distance: Distance = "euclidean", **kwargs: str | None
    ) -> None:
        super().__init__(**kwargs)
        require_positive(margin=margin)
        require_choice("distance", distance, DISTANCES)
        self.margin, self.distance = margin, distance

    def compare(self, pairs: ComparedPairs) -> keras.KerasTensor:
        """See `PairLoss.compare`."""
        distances = pairwise_distances(pairs.anchors, pairs.references, self.distance)
        together = 0.5 * ops.square(distances)
        apart = 0.5 * ops.square(ops.relu(self.margin - distances))
        return mean_where(pairs.is_positive, together) + mean_where(pairs.is_negative, apart)


class _TemperatureLoss(PairLoss):
    OPTIONS = ("temperature",)

    def __init__(self, temperature: float = 0.1, **kwargs: str | None) -> None:
        super().__init__(**kwargs)
        require_positive(temperature=temperature)
        self.temperature = temperature

    def logits(self, pairs: ComparedPairs) -> keras.KerasTensor:
        return pairwise_cosines(pairs.anchors, pairs.references) / self.temperature


@keras.saving.register_keras_serializable(package="fused_encoder")
class InfoNCELoss(_TemperatureLoss):
    """-log(exp(s_p / t) / (exp(s_p / t) + sum over negatives exp(s_n / t))), s: cosine, t: temperature.

    Every positive is set against all negatives of its anchor at once; a large batch of many classes
    serves best. The mean is over all positive pairs of anchors that have a negative. With two items of
    each class it is NT-Xent, the loss of SimCLR.

    Args:
        temperature: float > 0; the lower, the more the nearest negatives rule. Default 0.1.

    Raises:
        ValueError: the temperature is out of range.
    Reference:
        van den Oord et al., "Representation learning with contrastive predictive coding", 2018,
        https://arxiv.org/abs/1807.03748 (InfoNCE); Chen et al., "SimCLR", 2020,
        https://arxiv.org/abs/2002.05709 (NT-Xent).
    """

    def compare(self, pairs: ComparedPairs) -> keras.KerasTensor:
        """See `PairLoss.compare`."""
        logits = self.logits(pairs)
        of_negatives = masked_logsumexp(logits, pairs.is_negative)
        return mean_where(pairs.is_positive & pairs.has_both(), ops.softplus(of_negatives - logits))


@keras.saving.register_keras_serializable(package="fused_encoder")
class SupConLoss(_TemperatureLoss):
    """Mean over positives of -log(exp(s_p / t) / sum over all others exp(s_a / t)), s: cosine.

    Like `InfoNCELoss`, but an anchor's other positives stand below the line too, and every anchor
    counts the same however many positives it has. It cannot reach 0 where there are several positives.

    Args:
        temperature: t, float > 0; the lower, the more the nearest items rule. Default 0.1.

    Raises:
        ValueError: the temperature is out of range.
    Reference:
        Khosla et al., "Supervised contrastive learning", 2020, https://arxiv.org/abs/2004.11362
        (their L_out, without the factor of temperature / base temperature; anchors without a
        negative are left out here).
    """

    def compare(self, pairs: ComparedPairs) -> keras.KerasTensor:
        """See `PairLoss.compare`."""
        logits = self.logits(pairs)
        of_all = masked_logsumexp(logits, pairs.is_positive | pairs.is_negative)
        positives = ops.cast(pairs.is_positive, "float32")
        num_positives = ops.maximum(ops.sum(positives, axis=1, keepdims=True), 1.0)
        of_positives = ops.sum(positives * logits, axis=1, keepdims=True) / num_positives
        return mean_where(pairs.has_both(), of_all - of_positives)


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

    Raises:
        ValueError: an option is out of range.
    Reference:
        Wang et al., "Multi-similarity loss with general pair weighting for deep metric learning",
        2019, https://arxiv.org/abs/1904.06627.
    """

    OPTIONS = ("alpha", "beta", "base", "epsilon")

    def __init__(
        self,
        alpha: float = 2.0,
        beta: float = 50.0,
        *,
        base: float = 0.5,
        epsilon: float = 0.1,
        **kwargs: str | None,
    ) -> None:
        super().__init__(**kwargs)
        require_positive(alpha=alpha, beta=beta, epsilon=epsilon)
        if not -1 < base <= 1:
            raise ValueError(f"Expected base (a cosine similarity) in (-1, 1], received {base}.")
        self.alpha, self.beta, self.base, self.epsilon = alpha, beta, base, epsilon

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
        return mean_where(pairs.has_both(), pull + push)
