"""CBAM: which channels of a feature map matter, and where in it to look."""

from __future__ import annotations

import keras
from keras import layers, ops


def attended(maps: keras.KerasTensor, *, reduction: int = 8) -> keras.KerasTensor:
    """A feature map weighed by channel, then by place: float32 [batch, rows, bands, channels], the same.

    The channels' weights are the sigmoid of one small network of their mean and of their maximum, added;
    the places' that of a 7 x 7 convolution of mean and maximum over channels. Built of Keras' own layers,
    so that every converter knows them.

    Args:
        maps: the feature map.
        reduction: int >= 1, the hidden layer has so many times fewer channels.

    Reference:
        Woo et al., CBAM: Convolutional Block Attention Module, 2018, https://arxiv.org/abs/1807.06521 (as in
        its authors' code: biases in the channels' network, and none but a BatchNormalization after the
        convolution).
    """
    num_channels = maps.shape[-1]
    squeeze = layers.Dense(max(1, num_channels // reduction), "relu", name="channel_squeeze")
    excite = layers.Dense(num_channels, name="channel_excite")
    mean = layers.GlobalAveragePooling2D(keepdims=True, name="channel_mean")(maps)
    peak = layers.GlobalMaxPooling2D(keepdims=True, name="channel_max")(maps)
    added = layers.Add(name="channel_sum")([excite(squeeze(mean)), excite(squeeze(peak))])
    weight = layers.Activation("sigmoid", name="channel_weight")(added)
    maps = layers.Multiply(name="channel_attention")([maps, weight])
    across = OverChannels(name="over_channels")(maps)
    place = layers.Conv2D(1, 7, padding="same", use_bias=False, name="place_convolution")(across)
    place = layers.BatchNormalization(name="place_scaling")(place)
    weight = layers.Activation("sigmoid", name="place_weight")(place)
    return layers.Multiply(name="place_attention")([maps, weight])


@keras.saving.register_keras_serializable(package="fused_encoder")
class OverChannels(layers.Layer):
    """Mean and maximum over channels: [batch, rows, bands, channels] -> [batch, rows, bands, 2]."""

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        mean = ops.mean(inputs, axis=-1, keepdims=True)
        return ops.concatenate([mean, ops.max(inputs, axis=-1, keepdims=True)], axis=-1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (*input_shape[:-1], 2)
