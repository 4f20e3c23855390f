"""VGGish, Google's network of general sounds, as an audio front end: 128 numbers for each 0.96 s."""

from __future__ import annotations

import os
from pathlib import Path

import keras
import tensorflow as tf

from fused_encoder.front_ends.contract import AudioFrontEnd
from fused_encoder.front_ends.log_mel import NUM_MEL_BANDS, PATCH_ROWS, SAMPLE_RATE_HZ, log_mel_rows
from fused_encoder.front_ends.windows import front_end_from_function
from fused_encoder.weights import MissingWeightsError

CHECKPOINT_FILE = "vggish_model.ckpt"
CHECKPOINT_URL = "https://storage.googleapis.com/audioset/vggish_model.ckpt"
EMBEDDING_SIZE = 128

_LOG_OFFSET = 0.01
_WINDOW_SECONDS, _HOP_SECONDS = 0.975, 0.96  # 96 rows of 25 ms, 10 ms apart; windows do not overlap
_BLOCKS = ((64,), (128,), (256, 256), (512, 512))
_HIDDEN_SIZE = 4096


def load_vggish(path: str | Path | None = None) -> AudioFrontEnd:
    """VGGish as an audio front end: 16 kHz, windows of 0.96 s, 128 numbers before the last activation.

    A sound is cut into windows of 96 rows (time) by 64 mel bands, as many as it holds: 5 s are six of them,
    the last filled up with zeros; they are not squeezed into one.

    Args:
        path: the published `vggish_model.ckpt`, in TensorFlow's first or second format. Default: in the
            folder FUSED_ENCODER_WEIGHTS.

    Raises:
        MissingWeightsError: it is not there.
        ValueError: the file holds something else.

    Reference:
        Hershey et al., CNN Architectures for Large-Scale Audio Classification, 2017,
        https://arxiv.org/abs/1609.09430;
        https://github.com/tensorflow/models/tree/master/research/audioset/vggish
    """
    folder = os.environ.get("FUSED_ENCODER_WEIGHTS")
    found = Path(path) if path else Path(folder or ".") / CHECKPOINT_FILE
    if not (found.is_file() or found.with_name(f"{found.name}.index").is_file()):
        raise MissingWeightsError(
            f"There are no weights of VGGish at '{found}'. Download {CHECKPOINT_URL} and name the file, or "
            "put it into the folder that FUSED_ENCODER_WEIGHTS names."
        )
    network = create_vggish()
    _load_checkpoint(network, found)
    return vggish_front_end(network)


def vggish_front_end(network: keras.Model) -> AudioFrontEnd:
    """The audio front end of a VGGish network, of `create_vggish`."""
    module = tf.Module(name="vggish")
    module.network = network

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32)])
    def embed_windows(windows: tf.Tensor) -> tf.Tensor:
        return network(vggish_patches(windows), training=False)

    return front_end_from_function(
        embed_windows,
        name="vggish",
        sample_rate_hz=SAMPLE_RATE_HZ,
        window_seconds=_WINDOW_SECONDS,
        hop_seconds=_HOP_SECONDS,
        module=module,
    )


def vggish_patches(windows: tf.Tensor) -> tf.Tensor:
    """Windows float32 [batch, 15600] at 16 kHz -> log mel patches [batch, 96 rows (time), 64 bands]."""
    rows = log_mel_rows(windows, log_offset=_LOG_OFFSET)
    return tf.ensure_shape(rows, [None, PATCH_ROWS, NUM_MEL_BANDS])


def create_vggish(*, hidden_size: int = _HIDDEN_SIZE) -> keras.Model:
    """VGGish's network with random weights: log mel patches [batch, 96, 64] -> float32 [batch, 128].

    Args:
        hidden_size: int >= 1, of its two hidden layers. The published weights fit 4096.
    """
    layers = keras.layers
    patches = keras.Input((PATCH_ROWS, NUM_MEL_BANDS), name="patches")
    maps = layers.Reshape((PATCH_ROWS, NUM_MEL_BANDS, 1), name="picture")(patches)
    for number, block in enumerate(_BLOCKS, start=1):
        for part, size in enumerate(block, start=1):
            name = f"conv{number}" if len(block) == 1 else f"conv{number}_{part}"
            maps = layers.Conv2D(size, 3, padding="same", activation="relu", name=name)(maps)
        maps = layers.MaxPooling2D(padding="same", name=f"pool{number}")(maps)
    hidden = layers.Flatten(name="flatten")(maps)
    for part in (1, 2):
        hidden = layers.Dense(hidden_size, "relu", name=f"fc1_{part}")(hidden)
    return keras.Model(patches, layers.Dense(EMBEDDING_SIZE, name="fc2")(hidden), name="vggish")


def _load_checkpoint(network: keras.Model, path: Path) -> None:
    """Layer `conv3_1` is `vggish/conv3/conv3_1/weights` and `.../biases` in the checkpoint."""
    try:
        reader = tf.train.load_checkpoint(str(path))
        for layer in (layer for layer in network.layers if layer.weights):
            block, _, part = layer.name.partition("_")
            scope = f"vggish/{block}/{layer.name}" if part else f"vggish/{block}"
            layer.set_weights([reader.get_tensor(f"{scope}/{kind}") for kind in _KINDS])
    except (tf.errors.OpError, ValueError, KeyError) as error:
        raise ValueError(
            f"'{path}' does not hold the published weights of VGGish, or is damaged: {error} Fetch "
            f"{CHECKPOINT_URL} again."
        ) from error


_KINDS = ("weights", "biases")
