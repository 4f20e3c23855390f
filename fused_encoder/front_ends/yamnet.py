"""YAMNet: found wherever it is and checked to be one, and wrapped as an audio front end."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Protocol, runtime_checkable

import keras
import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from fused_encoder.front_ends import YAMNET
from fused_encoder.front_ends.contract import AudioFrontEnd, model_fingerprint, probe_waveform
from fused_encoder.front_ends.known_ops import unknown_ops
from fused_encoder.front_ends.log_mel import SAMPLE_RATE_HZ, LogMelFeatures, log_mel_patches
from fused_encoder.front_ends.no_sound import no_sound
from fused_encoder.front_ends.saved_model import load_saved_model
from fused_encoder.front_ends.yamnet_network import (
    EMBEDDING_SIZE,
    WaveformYamnet,
    create_yamnet,
    from_saved_model,
)
from fused_encoder.weights import advice_on_missing_weights, download_weights, find_weights

logger = logging.getLogger(__name__)

Yamnet = Callable[[tf.Tensor], Sequence[tf.Tensor]]
"""float32 [num_samples], 16 kHz -> scores [n, 521], embeddings [n, 1024], log mel [m, 64]."""


@runtime_checkable
class PatchYamnet(Protocol):
    """A YAMNet that also takes log mel patches, which may come from many recordings."""

    def from_patches(self, patches: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Scores and embeddings [batch, 1024] of float32 [batch, 96, 64], of `log_mel_patches`."""
        ...


def load_yamnet(source: str | Path | None = None) -> Yamnet:
    """YAMNet, ready to be called with a waveform.

    A SavedModel is a program that runs with your rights. In a folder it is looked through, and one that could
    touch files is refused; from a web address load it only where you trust. `yamnet.h5` holds numbers only.

    Args:
        source: a SavedModel directory; `yamnet.h5`; a `.keras` file of a (fine-tuned)
            `create_yamnet`; or a TF-Hub handle (a web address). None looks on this machine as
            `find_weights("yamnet")` does, then downloads `yamnet.h5`.

    Returns:
        Callable: waveform float32 [num_samples], mono, 16 kHz, amplitude in [-1, 1] -> scores
        float32 [num_frames, 521], embeddings float32 [num_frames, 1024], log mel spectrogram
        float32 [num_rows, 64]. From a file it is a `WaveformYamnet`, which can be fine-tuned.

    Raises:
        MissingWeightsError: nothing is at `source`, or it cannot be reached; says what to do.
        ValueError: what is there is damaged, is not YAMNet, or could touch files.
    """
    if source is None:
        source = find_weights("yamnet") or download_weights("yamnet")
        yamnet = _load_from_disk(source)
    elif str(source).startswith(("http://", "https://")):
        yamnet = load_saved_model(str(source), advice=advice_on_missing_weights("yamnet"))
    else:
        yamnet = _load_from_disk(find_weights("yamnet", source) or Path(source))
    try:
        _embeddings(yamnet, probe_waveform(SAMPLE_RATE_HZ))
    except (TypeError, ValueError, tf.errors.OpError) as error:
        first_line = str(error).strip().partition("\n")[0]
        raise ValueError(
            f"'{source}' was loaded, but is not YAMNet: {first_line} Use a YAMNet, such as the one "
            "load_yamnet() finds without an argument."
        ) from error
    logger.info("YAMNet loaded from %s", source)
    return yamnet


def as_front_end(yamnet: Yamnet | AudioFrontEnd | None) -> AudioFrontEnd:
    """The front end of a YAMNet, so that the rest of the toolkit need not know its numbers.

    The windows of many recordings share a batch where the YAMNet takes log mel patches
    (`WaveformYamnet`, `LogMelFeatures`), and where it is a TensorFlow graph with YAMNet's weights
    (TF-Hub's): these are put into our own network, and used if that gives the same frames. Any other
    callable gets one recording at a time.

    Args:
        yamnet: what `hub.load` or `load_yamnet` returns, or any callable waveform float32
            [num_samples] -> (scores, embeddings [num_frames, 1024], log mel); a front end is
            returned as it is; None is the front end that refuses every recording.

    Raises:
        ValueError: `yamnet` is no YAMNet.

    Example:
        >>> as_front_end(LogMelFeatures()).frames_in(5.0)
        10
    """
    if yamnet is None:
        return no_sound()
    if isinstance(yamnet, AudioFrontEnd):
        return yamnet
    fingerprint = model_fingerprint(
        lambda sound: _embeddings(yamnet, sound), SAMPLE_RATE_HZ, getattr(yamnet, "variables", ())
    )
    network = None if isinstance(yamnet, PatchYamnet) else from_saved_model(yamnet)
    return replace(_wrapped(network or yamnet), fingerprint=fingerprint)


def extract_audio_sequence(yamnet: Yamnet | AudioFrontEnd, waveform: np.ndarray) -> np.ndarray:
    """The audio_sequence of a waveform: one frame for every hop of the front end.

    Trailing samples of exactly 0 are padding and cut off first, so that a waveform padded into a batch
    gives the same sequence as alone. For many recordings `as_front_end(yamnet).embed_sounds` is faster.

    Args:
        yamnet: what `load_yamnet` returns, any callable of the same interface, or a front end.
        waveform: float [num_samples], mono, at the front end's sample rate (16 kHz for YAMNet),
            amplitude in [-1, 1], at least 0.1 s of sound.

    Returns:
        float32 [num_frames, 1024] of YAMNet.

    Raises:
        SilentRecordingError: all samples are equal (digital silence).
        TooShortRecordingError: less than 0.1 s of sound.
        TypeError: the waveform is not of a floating type.
        ValueError: it is not one-dimensional, not finite, or far beyond [-1, 1]; or yamnet is none.
    """
    front_end = yamnet if isinstance(yamnet, AudioFrontEnd) else _wrapped(yamnet)
    return front_end(waveform)


def _wrapped(yamnet: Yamnet) -> AudioFrontEnd:
    """The front end of a YAMNet as it is, without a fingerprint."""
    spec = replace(YAMNET, name="log_mel") if isinstance(yamnet, LogMelFeatures) else YAMNET
    numbers = asdict(spec)
    if not isinstance(yamnet, PatchYamnet):
        return AudioFrontEnd(
            **numbers, embed_sound=lambda sound: _embeddings(yamnet, sound), module=yamnet
        )
    return AudioFrontEnd(
        **numbers,
        embed_sound=lambda sound: yamnet.from_patches(log_mel_patches(sound)[0])[1],
        windows=_patches,
        embed_windows=lambda patches: yamnet.from_patches(tf.convert_to_tensor(patches))[1],
        module=yamnet,
    )


@tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
def _patches(sound: tf.Tensor) -> tf.Tensor:
    return log_mel_patches(sound)[0]


def _embeddings(yamnet: Yamnet, sound: np.ndarray) -> tf.Tensor:
    outputs = yamnet(sound)
    shape = tuple(getattr(outputs[1], "shape", ())) if len(outputs) == 3 else ()
    if len(shape) != 2 or shape[1] != EMBEDDING_SIZE:
        raise ValueError(
            "Expected a yamnet that gives (scores, embeddings [num_frames, 1024], log mel), received "
            f"{len(outputs)} outputs, embeddings of shape {shape}. Use load_yamnet()."
        )
    return outputs[1]


def _load_from_disk(place: Path) -> Yamnet:
    if place.suffix == ".h5":
        return WaveformYamnet(create_yamnet(place))
    if place.suffix == ".keras":
        return WaveformYamnet(keras.saving.load_model(place, compile=False, safe_mode=True))
    if Path(place, "saved_model.pb").is_file():
        _refuse_unknown_ops(place)
    return load_saved_model(place, advice="YAMNet may also be its yamnet.h5, or a .keras file.")


def _refuse_unknown_ops(folder: Path) -> None:
    try:
        unknown = unknown_ops(folder)
    except (DecodeError, IndexError):
        return  # damaged: told when it is loaded
    if unknown:
        raise ValueError(
            f"The SavedModel '{folder}' is not loaded: it holds operations that no YAMNet needs "
            f"({', '.join(unknown)}), which may read or write files. If you trust it, load it by "
            "tf.saved_model.load and pass on what that gives."
        )
