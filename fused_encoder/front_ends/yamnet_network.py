"""YAMNet's network in Keras (MobileNet v1): it can be fine-tuned, and takes windows in batches."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from fused_encoder.front_ends.contract import probe_waveform
from fused_encoder.front_ends.log_mel import (
    NUM_MEL_BANDS,
    PATCH_ROWS,
    SAMPLE_RATE_HZ,
    log_mel_patches,
)
from fused_encoder.weights import YAMNET_FILE

NUM_CLASSES = 521
EMBEDDING_SIZE = 1024

_MAX_ERROR = 1e-3  # of frames, relative: float noise is below it
_FIRST_FILTERS = 32
_SEPARABLE = (  # (stride, filters) of layer2 to layer14
    *((1, 64), (2, 128), (1, 128), (2, 256), (1, 256), (2, 512)),
    *((1, 512), (1, 512), (1, 512), (1, 512), (1, 512), (2, 1024), (1, 1024)),
)


def create_yamnet(weights: str | Path | None = None, *, trainable: bool = True) -> keras.Model:
    """YAMNet's network: log mel patches in, class scores and embeddings out.

    MobileNet v1 with the official layers in the official order; Keras 3 allows no `/` in a name,
    so `layer1/conv` is called `layer1_conv`. To feed it waveforms, wrap it in `WaveformYamnet`.

    Args:
        weights: `yamnet.h5` of the official release, or None for random weights.
        trainable: whether its weights are to be fine-tuned.

    Returns:
        keras.Model named "yamnet": float32 [batch, 96, 64] log mel patches -> scores float32
        [batch, 521] in [0, 1], embeddings float32 [batch, 1024], at least 0.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file does not hold YAMNet's weights.

    Reference:
        `yamnet.py`, https://github.com/tensorflow/models/tree/master/research/audioset/yamnet
        Howard et al., MobileNets, 2017, https://arxiv.org/abs/1704.04861
    """
    patches = keras.Input((PATCH_ROWS, NUM_MEL_BANDS), name="patches")
    x = keras.layers.Reshape((PATCH_ROWS, NUM_MEL_BANDS, 1), name="reshape")(patches)
    conv = partial(keras.layers.Conv2D, padding="same", use_bias=False)
    depthwise = partial(keras.layers.DepthwiseConv2D, 3, padding="same", use_bias=False)
    x = _normalised(conv(_FIRST_FILTERS, 3, strides=2, name="layer1_conv")(x), "layer1_conv")
    for number, (strides, filters) in enumerate(_SEPARABLE, start=2):
        name = f"layer{number}_depthwise_conv"
        x = _normalised(depthwise(strides=strides, name=name)(x), name)
        name = f"layer{number}_pointwise_conv"
        x = _normalised(conv(filters, 1, name=name)(x), name)
    embeddings = keras.layers.GlobalAveragePooling2D(name="embeddings")(x)
    logits = keras.layers.Dense(NUM_CLASSES, name="dense")(embeddings)
    scores = keras.layers.Activation("sigmoid", name="scores")(logits)
    network = keras.Model(patches, [scores, embeddings], name="yamnet")
    if weights is not None:
        _load_official_weights(network, Path(weights))
    network.trainable = trainable
    return network


class WaveformYamnet(tf.Module):
    """A YAMNet network that takes waveforms: called as the TF-Hub YAMNet is.

    It is differentiable down to the network's weights, and can be saved as (part of) a SavedModel.
    BatchNorm stays in inference mode: a few recordings would spoil AudioSet's statistics.

    Args:
        network: what `create_yamnet` returns, possibly fine-tuned.

    Example:
        >>> scores, embeddings, log_mel = WaveformYamnet(create_yamnet())(tf.zeros(16_000))
        >>> embeddings.shape
        TensorShape([2, 1024])
    """

    def __init__(self, network: keras.Model) -> None:
        super().__init__(name="waveform_yamnet")
        expected = [(None, NUM_CLASSES), (None, EMBEDDING_SIZE)]
        if [tuple(output.shape) for output in network.outputs] != expected:
            raise ValueError(
                f"Expected a network with outputs {expected}, as create_yamnet() makes, received "
                f"{[tuple(output.shape) for output in network.outputs]}."
            )
        self.network = network

    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="waveform")])
    def __call__(self, waveform: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Of a waveform float32 [num_samples], mono, 16 kHz, amplitude in [-1, 1].

        Returns:
            scores float32 [num_frames, 521], embeddings float32 [num_frames, 1024], log mel
            spectrogram float32 [num_rows, 64].
        """
        patches, log_mel = log_mel_patches(waveform)
        scores, embeddings = self.from_patches(patches)
        return scores, embeddings, log_mel

    @tf.function(input_signature=[tf.TensorSpec([None, PATCH_ROWS, NUM_MEL_BANDS], tf.float32)])
    def from_patches(self, patches: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Scores float32 [batch, 521] and embeddings float32 [batch, 1024] of patches.

        Args:
            patches: float32 [batch, 96, 64], of `log_mel_patches`, of one or many recordings.
        """
        scores, embeddings = self.network(patches, training=False)
        return scores, embeddings

    @property
    def variables(self) -> tuple[keras.Variable, ...]:
        """All weights of the network."""
        return tuple(self.network.weights)

    @property
    def trainable_variables(self) -> tuple[keras.Variable, ...]:
        """The weights that fine-tuning changes."""
        return tuple(self.network.trainable_weights)


def from_saved_model(yamnet: Callable) -> WaveformYamnet | None:
    """The network with the weights of a YAMNet that was saved as a graph, such as TF-Hub's.

    Args:
        yamnet: what `hub.load` or `tf.saved_model.load` returns.

    Returns:
        None for any other callable, and where the network does not give the same frames.
    """
    traces: Sequence = getattr(getattr(yamnet, "__call__", None), "concrete_functions", ())  # noqa: B004
    if len(traces) != 1:
        return None
    variables = traces[0].variables  # in the order of the layers
    network = create_yamnet(trainable=False)
    if sorted(map(_kind, variables)) != sorted(map(_kind, network.weights)):
        return None
    for kind in {_kind(weight) for weight in network.weights}:
        ours = [weight for weight in network.weights if _kind(weight) == kind]
        theirs = [variable for variable in variables if _kind(variable) == kind]
        for weight, variable in zip(ours, theirs, strict=True):
            if tuple(weight.shape) != tuple(variable.shape):
                return None
            weight.assign(variable.numpy())
    candidate = WaveformYamnet(network)
    sound = probe_waveform(SAMPLE_RATE_HZ)
    expected, received = (np.asarray(model(sound)[1]) for model in (yamnet, candidate))
    is_same = expected.shape == received.shape and np.allclose(
        expected, received, rtol=0, atol=_MAX_ERROR * np.abs(expected).max()
    )
    return candidate if is_same else None


def _normalised(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    x = keras.layers.BatchNormalization(epsilon=1e-4, scale=False, name=f"{name}_bn")(x)
    return keras.layers.ReLU(name=f"{name.removesuffix('_conv')}_relu")(x)


def _load_official_weights(network: keras.Model, path: Path) -> None:
    if not path.is_file():
        raise FileNotFoundError(f"There is no YAMNet weight file {path}.")
    try:
        network.load_weights(path)
    except (OSError, KeyError, ValueError) as error:
        raise ValueError(
            f"{path} is not the yamnet.h5 of the official release, or is damaged: {error} "
            f"Fetch {YAMNET_FILE.url} again."
        ) from error


def _kind(variable: tf.Variable | keras.Variable) -> str:
    """What it is in its layer: kernel, bias, beta, mean or variance."""
    return re.split("[/_]", variable.name.partition(":")[0])[-1]
