"""A network that learnt from photos, taken over to spectrograms: what stays, and how it is normalised."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import keras
import numpy as np

MOMENTUM = 0.9
"""Of running statistics: a training on spectrograms may have few steps."""
_CLIPS_AT_ONCE = 8
_PROBED_SIDE = 128  # pixels, halved five times without a rest


def settle_normalization(backbone: keras.Model, *, is_pretrained: bool) -> None:
    """Freezes the statistics of a pretrained network, until `take_over_backbone`."""
    for layer in _normalizations(backbone):
        layer.trainable = not is_pretrained
        layer.momentum = min(layer.momentum, MOMENTUM)


def is_settled(backbone: keras.Model) -> bool:
    """Whether all its statistics are still frozen."""
    layers = _normalizations(backbone)
    return bool(layers) and not any(layer.trainable for layer in layers)


def take_over_backbone(
    backbone: keras.Model, pictures: Iterable[np.ndarray], *, freeze_at: int
) -> None:
    """Freezes the first stages; behind them, normalisation takes its statistics from spectrograms.

    In training, a batch is normalised by its own statistics. Those of spectrograms are not those of photos,
    and files whose normalisation was folded into the kernels (mean 0, variance 1) hold none at all: after the
    first step nothing is left of what was learnt. So each layer gets the mean m and the variance v of its
    inputs on spectrograms, and the scale and offset with which it computes the same as before:

        gamma' = gamma sqrt((v + epsilon) / (variance + epsilon))
        beta' = beta + gamma (m - mean) / sqrt(variance + epsilon)

    From then on it is trained like any other.

    Args:
        backbone: a Keras application whose statistics are settled. Normalisation without gamma (InceptionV3)
            stays frozen.
        pictures: batches of float32 [batch, height, width, 3], as the backbone takes them; a hundred pictures
            are enough.
        freeze_at: int >= 0; layers whose output is the picture halved at most so many times stay as learnt.
    """
    first = [layer for layer, halvings in _halvings(backbone) if halvings <= freeze_at]
    for layer in first:
        layer.trainable = False
    renewed = [
        layer
        for layer in _normalizations(backbone)
        if layer not in first and layer.scale and layer.center
    ]
    if renewed:
        _renew_all(backbone, renewed, pictures)


def _halvings(backbone: keras.Model) -> list[tuple[keras.Layer, int]]:
    """How often the picture is halved in the output of each layer."""
    layers = [layer for layer in backbone.layers if not isinstance(layer, keras.layers.InputLayer)]
    outputs = keras.Model(backbone.input, [layer.output for layer in layers])
    shapes = outputs.compute_output_shape((1, _PROBED_SIDE, _PROBED_SIDE, 3))
    halved = 0
    found = []
    for layer, shape in zip(layers, shapes, strict=True):
        if len(shape) == 4 and shape[1] > 1:  # squeeze and excitation keeps its stage
            halved = max(0, round(np.log2(_PROBED_SIDE / shape[1])))
        found.append((layer, halved))
    return found


def _renew_all(
    backbone: keras.Model,
    layers: list[keras.layers.BatchNormalization],
    pictures: Iterable[np.ndarray],
) -> None:
    inputs = keras.Model(backbone.input, [layer.input for layer in layers])
    number = 0
    sums, squares = ([np.zeros(layer.gamma.shape) for layer in layers] for _ in range(2))
    for few in _a_few_at_once(pictures):
        number += len(few)
        for place, values in enumerate(keras.tree.flatten(inputs(few, training=False))):
            values = keras.ops.convert_to_numpy(values).astype(np.float64)
            values = values.reshape(len(few), -1, values.shape[-1])
            sums[place] += values.mean(axis=1).sum(axis=0)
            squares[place] += np.square(values).mean(axis=1).sum(axis=0)
    for layer, total, square in zip(layers, sums, squares, strict=True):
        mean = total / number
        _renew(layer, mean, np.maximum(square / number - mean**2, 0.0))


def _a_few_at_once(pictures: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The inputs of all layers at once are large."""
    for batch in pictures:
        for start in range(0, len(batch), _CLIPS_AT_ONCE):
            yield batch[start : start + _CLIPS_AT_ONCE]


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
