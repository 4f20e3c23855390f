"""The base of all losses that compare items of a batch by their labels."""

import math
from abc import ABC, abstractmethod
from collections.abc import Collection
from typing import NamedTuple

import keras
from keras import ops


class ComparedPairs(NamedTuple):
    """Anchors and references, and which of their pairs are positive and negative."""

    anchors: keras.KerasTensor  # float32 [num_anchors, embedding_size]
    references: keras.KerasTensor  # float32 [num_references, embedding_size]
    is_positive: keras.KerasTensor  # bool [num_anchors, num_references]
    is_negative: keras.KerasTensor  # bool [num_anchors, num_references]

    def has_both(self) -> keras.KerasTensor:
        """Which anchors have a positive and a negative, bool [num_anchors, 1]."""
        return any_of_row(self.is_positive) & any_of_row(self.is_negative)


class PairLoss(keras.losses.Loss, ABC):
    """A Keras loss over labelled embeddings: each item of the batch is an anchor in its turn.

    A positive pair is two items of one class; a negative pair is two items of two classes. Items that
    share a file (a source id) are neither, and no item is its own positive. Computed in float32, also
    in mixed precision. A batch that holds nothing to compare has loss 0 and gradient 0. A subclass
    defines `compare`, and names its options in `OPTIONS`.

    Args:
        **kwargs: `name` and `reduction`, as in `keras.losses.Loss`.

    Call:
        y_true: int [batch] class indices, or [batch, 1 + num_sources] class index and source ids below
            2 ** 24 (-1: none or unknown). For triplets [batch, 3] or [batch, 3, 1 + num_sources].
        y_pred: float [batch, embedding_size]; or [batch, 3, embedding_size] triplets, whose members
            are pooled.
        sample_weight: optional float [batch], the weight of each entry as an anchor.
    Raises:
        ValueError: labels and embeddings do not fit.
    """

    OPTIONS: tuple[str, ...] = ()

    def __init__(self, **kwargs: str | None) -> None:
        super().__init__(dtype="float32", **kwargs)

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        """The losses [batch], of which Keras takes the mean."""
        labels, embeddings = flatten_members(y_true, y_pred)
        losses = self.compare(ComparedPairs(embeddings, embeddings, *pair_masks(labels, labels)))
        return mean_over_members(losses, y_pred)

    @abstractmethod
    def compare(self, pairs: ComparedPairs) -> keras.KerasTensor:
        """Each anchor's loss against the references, float32 [num_anchors], whose mean is the loss."""

    def get_config(self) -> dict[str, object]:
        """The arguments, as given."""
        return {**super().get_config(), **{name: getattr(self, name) for name in self.OPTIONS}}


def flatten_members(
    y_true: keras.KerasTensor, y_pred: keras.KerasTensor
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Labels and embeddings as two matrices; the members of triplets become rows of their own.

    Returns:
        Labels int32 [num_items, 1 + num_sources] and embeddings float32 [num_items, embedding_size].

    Raises:
        ValueError: the labels do not fit the embeddings.
    """
    shape, embeddings_shape = tuple(y_true.shape), tuple(y_pred.shape)
    entry = embeddings_shape[:-1]  # (batch,) or (batch, members)
    has_rank = len(entry) in (1, 2) and len(shape) - len(entry) in (0, 1)
    if not (has_rank and all(a == b or None in (a, b) for a, b in zip(shape, entry, strict=False))):
        raise ValueError(
            "Expected labels [batch] or [batch, 1 + num_sources] for embeddings "
            "[batch, embedding_size], or labels [batch, 3] or [batch, 3, 1 + num_sources] for "
            f"triplets [batch, 3, embedding_size]; received labels {shape} for {embeddings_shape}."
        )
    num_columns = shape[-1] if len(shape) > len(entry) else 1
    labels = ops.cast(ops.reshape(y_true, (-1, num_columns)), "int32")
    return labels, ops.cast(ops.reshape(y_pred, (-1, embeddings_shape[-1])), "float32")


def mean_over_members(losses: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
    """The losses of all rows [num_items] as losses of the batch's entries [batch], which Keras averages."""
    if len(y_pred.shape) == 2:
        return losses
    return ops.mean(ops.reshape(losses, (-1, y_pred.shape[1])), axis=1)


def pair_masks(
    anchors: keras.KerasTensor, references: keras.KerasTensor
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Positive pairs: one class, two items, no file in common. Negative pairs: two classes, none either.

    Args:
        anchors: int32 [num_anchors, 1 + num_sources], labels as `flatten_members` gives them. An item
            with a class below 0 (unknown) is in no pair.
        references: int32 [num_references, 1 + num_sources]; the first ones are the anchors themselves.

    Returns:
        Two masks, bool [num_anchors, num_references].
    """
    classes, reference_classes = anchors[:, 0, None], references[None, :, 0]
    rows, columns = (ops.arange(ops.shape(matrix)[0]) for matrix in (anchors, references))
    excluded = (rows[:, None] == columns[None, :]) | (classes < 0) | (reference_classes < 0)
    for column in range(1, anchors.shape[1]):
        ids = anchors[:, column, None]
        excluded = excluded | ((ids == references[None, :, column]) & (ids >= 0))
    same_class, allowed = classes == reference_classes, ops.logical_not(excluded)
    return allowed & same_class, allowed & ops.logical_not(same_class)


def mean_where(mask: keras.KerasTensor, losses: keras.KerasTensor) -> keras.KerasTensor:
    """The mean of the losses where the mask is true (both [num_anchors, k]), as `shares_of_mean`."""
    totals = ops.sum(ops.where(mask, losses, 0.0), axis=1)
    return shares_of_mean(totals, ops.sum(ops.cast(mask, "float32"), axis=1))


def shares_of_mean(totals: keras.KerasTensor, counts: keras.KerasTensor) -> keras.KerasTensor:
    """What each anchor contributes, so that the mean over anchors is sum(totals) / sum(counts).

    All float32 [num_anchors]: the sum of an anchor's terms and their number; zeros where nobody has any.
    """
    num_anchors = ops.cast(ops.shape(totals)[0], "float32")
    return totals * (num_anchors * ops.divide_no_nan(1.0, ops.sum(counts)))


def any_of_row(mask: keras.KerasTensor) -> keras.KerasTensor:
    """Whether any entry of each row is true, bool [num_rows, 1]."""
    return ops.any(mask, axis=1, keepdims=True)


def require_positive(**options: float) -> None:
    """Raises ValueError naming the first option that is not a finite number above 0."""
    for name, value in options.items():
        if not 0 < value < math.inf:
            raise ValueError(f"Expected {name} > 0, received {value}.")


def require_choice(name: str, value: str | None, choices: Collection[str | None]) -> None:
    """Raises ValueError if the option is none of the choices."""
    if value not in choices:
        raise ValueError(f"Expected {name} to be one of {tuple(choices)}, received {value!r}.")
