"""Which items of a batch are a positive pair, which a negative one, and which neither."""

from __future__ import annotations

import keras
from keras import ops


def flatten_members(
    y_true: keras.KerasTensor, y_pred: keras.KerasTensor
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Labels and embeddings as two matrices; the members of triplets become rows of their own.

    Column 0 of the labels is the class index, further columns are the ids of the files that an item
    is made of (photo, recording), -1 where there is none or it is unknown. Ids are below 2 ** 24,
    because Keras hands labels over as float32.

    Args:
        y_true: [batch] or [batch, 1 + num_sources] for embeddings; [batch, 3] or
            [batch, 3, 1 + num_sources] for triplets.
        y_pred: float [batch, embedding_size] or [batch, 3, embedding_size].

    Returns:
        Labels int32 [num_items, 1 + num_sources] and embeddings float32 [num_items, embedding_size].

    Raises:
        ValueError: the labels do not fit the embeddings.
    """
    _refuse_misfit(tuple(y_true.shape), tuple(y_pred.shape))
    num_columns = y_true.shape[-1] if len(y_true.shape) == len(y_pred.shape) else 1
    labels = ops.cast(ops.reshape(y_true, (-1, num_columns)), "int32")
    embeddings = ops.reshape(y_pred, (-1, y_pred.shape[-1]))
    return labels, ops.cast(embeddings, "float32")


def mean_over_members(losses: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
    """The losses of all rows [num_items] as losses of the batch's entries [batch].

    An entry is one embedding, or the members of one triplet. Keras weighs and averages entries.
    """
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
    is_itself = _rows(anchors)[:, None] == _rows(references)[None, :]
    excluded = is_itself | (classes < 0) | (reference_classes < 0)
    for column in range(1, anchors.shape[1]):
        ids = anchors[:, column, None]
        excluded = excluded | ((ids == references[None, :, column]) & (ids >= 0))
    same_class, allowed = classes == reference_classes, ops.logical_not(excluded)
    return allowed & same_class, allowed & ops.logical_not(same_class)


def _rows(matrix: keras.KerasTensor) -> keras.KerasTensor:
    return ops.arange(ops.shape(matrix)[0])


def _refuse_misfit(labels: tuple[int | None, ...], embeddings: tuple[int | None, ...]) -> None:
    entry = embeddings[:-1]  # (batch,) or (batch, members)
    has_rank = len(embeddings) in (2, 3) and len(labels) - len(entry) in (0, 1)
    same = [a == b or None in (a, b) for a, b in zip(labels, entry, strict=False)]
    if not (has_rank and all(same)):
        raise ValueError(
            "Expected labels [batch] or [batch, 1 + num_sources] for embeddings "
            "[batch, embedding_size], or labels [batch, 3] or [batch, 3, 1 + num_sources] for "
            f"triplets [batch, 3, embedding_size]; received labels {labels} for {embeddings}."
        )
