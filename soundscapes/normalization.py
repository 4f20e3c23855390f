"""Batch normalisation of a network that learnt from photos, taken over to spectrograms."""

from __future__ import annotations

from collections.abc import Iterable

import keras
import numpy as np

MOMENTUM = 0.9
"""Of running statistics: a training on spectrograms may have few steps."""
_CLIPS_AT_ONCE = 8


def settle_normalization(backbone: keras.Model, *, is_pretrained: bool) -> None:
    """Freezes the statistics of a pretrained network, until `renew_normalization`."""
    for layer in _normalizations(backbone):
        layer.trainable = not is_pretrained
        layer.momentum = min(layer.momentum, MOMENTUM)


def is_settled(backbone: keras.Model) -> bool:
    """Whether its statistics are still frozen."""
    return any(not layer.trainable for layer in _normalizations(backbone))


def renew_normalization(backbone: keras.Model, pictures: Iterable[np.ndarray]) -> None:
    """Takes the statistics of batch normalisation from spectrograms; what the network computes stays.

    In training, a batch is normalised by its own statistics. Those of spectrograms are not those of photos,
    and files whose normalisation was folded into the kernels (mean 0, variance 1) hold none at all: after the
    first step nothing is left of what was learnt. So each layer gets the mean m and the variance v of its
    inputs on spectrograms, and the scale and offset with which it computes the same as before:

        gamma' = gamma sqrt((v + epsilon) / (variance + epsilon))
        beta' = beta + gamma (m - mean) / sqrt(variance + epsilon)

    From then on it is trained like any other.

    Args:
        backbone: a Keras application; layers without gamma or beta are left frozen.
        pictures: batches of float32 [batch, height, width, 3], as the backbone takes them; a hundred pictures
            are enough.
    """
    layers = [layer for layer in _normalizations(backbone) if layer.scale and layer.center]
    inputs = keras.Model(backbone.input, [layer.input for layer in layers])
    number = 0
    sums, squares = ([np.zeros(layer.gamma.shape) for layer in layers] for _ in range(2))
    for batch in pictures:
        for start in range(0, len(batch), _CLIPS_AT_ONCE):
            few = batch[start : start + _CLIPS_AT_ONCE]
            number += len(few)
            for place, values in enumerate(inputs(few, training=False)):
                values = keras.ops.convert_to_numpy(values).astype(np.float64)
                over = tuple(range(values.ndim - 1))
                share = len(few) / values[..., 0].size  # each picture counts the same
                sums[place] += values.sum(axis=over) * share
                squares[place] += np.square(values).sum(axis=over) * share
    for layer, total, square in zip(layers, sums, squares, strict=True):
        mean = total / number
        _renew(layer, mean, np.maximum(square / number - mean**2, 0.0))


def _renew(layer: keras.layers.BatchNormalization, mean: np.ndarray, variance: np.ndarray) -> None:
    gamma, beta, old_mean, old_variance = (
        keras.ops.convert_to_numpy(value).astype(np.float64)
        for value in (layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance)
    )
    slope = gamma / np.sqrt(old_variance + layer.epsilon)
    layer.gamma.assign(slope * np.sqrt(variance + layer.epsilon))
    layer.beta.assign(beta + slope * (mean - old_mean))
    layer.moving_mean.assign(mean)
    layer.moving_variance.assign(variance)
    layer.trainable = True


def _normalizations(backbone: keras.Model) -> list[keras.layers.BatchNormalization]:
    return [
        layer for layer in backbone.layers if isinstance(layer, keras.layers.BatchNormalization)
    ]
