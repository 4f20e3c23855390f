"""Precision: which numbers an encoder computes with, chosen for one model and not for the whole program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import keras

Precision = Literal["float32", "mixed_float16", "mixed_bfloat16"]
PRECISIONS: tuple[Precision, ...] = ("float32", "mixed_float16", "mixed_bfloat16")


@contextmanager
def with_dtype_policy(precision: Precision) -> Iterator[None]:
    """Within it, Keras layers and models are made with this precision; outside all is as it was.

    Layers keep the precision they were made with. Weights are float32 whatever the precision, and so
    are embeddings and losses: only what lies between is computed in 16 bits. "mixed_float16" is for
    GPUs, "mixed_bfloat16" for TPUs and recent GPUs and CPUs; on most CPUs both are slower than
    float32. Make the encoder and the model that is compiled both within it: by the latter Keras decides
    whether to scale the loss, without which small gradients become 0 in "mixed_float16".

    Args:
        precision: "float32", "mixed_float16" or "mixed_bfloat16".

    Raises:
        ValueError: any other.
    Reference:
        Micikevicius et al., "Mixed precision training", 2018, https://arxiv.org/abs/1710.03740.
    Example:
        >>> with with_dtype_policy("mixed_float16"):
        ...     model = create_triplet_model(create_fused_encoder())
    """
    if precision not in PRECISIONS:
        raise ValueError(f"Expected precision to be one of {PRECISIONS}, received {precision!r}.")
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def precision_of(model: keras.Model) -> Precision:
    """The precision that a model's layers were made with: a mixed one if any of them has it.

    The `dtype_policy` of a model itself does not tell: Keras neither saves it nor takes it from the
    layers. But it is by this that `compile` scales the loss of "mixed_float16".
    """
    names = {layer.dtype_policy.name for layer in model._flatten_layers()}
    return next((precision for precision in PRECISIONS[1:] if precision in names), "float32")


def in_float32(encoder: keras.Model) -> keras.Model:
    """A copy of an encoder that computes in float32, with the same weights.

    For an encoder that was trained in mixed precision and is to be exported: it then is as quick on a
    CPU as any other, and its embeddings differ by no more than rounding. Inputs, outputs and names stay.
    """
    copy = keras.models.clone_model(encoder)
    for layer in copy._flatten_layers():  # itself, and the layers inside it at any depth
        layer.dtype_policy = "float32"
    copy = keras.models.clone_model(copy)  # so that the tensors between the layers are float32 too
    copy.set_weights(encoder.get_weights())
    return copy
