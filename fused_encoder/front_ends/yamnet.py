"""YAMNet at hand: `load_yamnet` finds it wherever it is, and checks that it is one."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import socket
import warnings
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from fused_encoder.front_ends.audio_sequence import AUDIO_SEQUENCE_SIZE, Yamnet, embed_sound
from fused_encoder.front_ends.log_mel import NUM_MEL_BANDS, SAMPLE_RATE_HZ
from fused_encoder.front_ends.yamnet_network import NUM_CLASSES, WaveformYamnet, create_yamnet
from fused_encoder.published_weights import YAMNET_HANDLE
from fused_encoder.weights import (
    MissingWeightsError,
    advice_on_missing_weights,
    download_weights,
    find_weights,
)

logger = logging.getLogger(__name__)

_HUB_TIMEOUT_SECONDS = 30
_OUTPUT_SIZES = (NUM_CLASSES, AUDIO_SEQUENCE_SIZE, NUM_MEL_BANDS)


def load_yamnet(source: str | Path | None = None) -> Yamnet:
    """YAMNet, ready to be called with a waveform.

    Args:
        source: a SavedModel directory; `yamnet.h5`; a `.keras` file of a (fine-tuned)
            `create_yamnet`; or a TF-Hub handle (a web address). None looks on this machine as
            `find_weights("yamnet")` does, then asks TF-Hub, then fetches `yamnet.h5`.

    Returns:
        Callable: waveform float32 [num_samples], mono, 16 kHz, amplitude in [-1, 1] -> scores
        float32 [num_frames, 521], embeddings float32 [num_frames, 1024], log mel spectrogram
        float32 [num_rows, 64]. From a file it is a `WaveformYamnet`, which can be fine-tuned.

    Raises:
        MissingWeightsError: nothing is at `source`, or it cannot be reached; says what to do.
        ValueError: what is there is damaged, or is not YAMNet.
    """
    if source is None:
        source = find_weights("yamnet")
        yamnet = _fetch() if source is None else _load_from_disk(source)
    elif str(source).startswith(("http://", "https://")):
        yamnet = _load_from_hub(str(source))
    else:
        place = find_weights("yamnet", source)
        yamnet = _load_from_disk(place or Path(source))
    _check_is_yamnet(yamnet, source or YAMNET_HANDLE)
    logger.info("YAMNet loaded from %s", source or YAMNET_HANDLE)
    return yamnet


def yamnet_fingerprint(yamnet: Yamnet) -> str:
    """A short name of this very model, the same in every process: the key of stored features.

    Made from its embeddings of a fixed waveform, rounded to about 3 digits so that the float noise
    of another processor seldom matters; and from the exact weights, where it shows them
    (`WaveformYamnet` does), so that a fine-tuned model never passes for the original. Two loaders of
    the same model may differ: that only costs computing features again.

    Args:
        yamnet: what `load_yamnet` returns, or any callable of the same interface.

    Returns:
        16 hexadecimal characters.

    Raises:
        ValueError: `yamnet` gives other shapes than YAMNet.
    """
    embeddings = embed_sound(yamnet, _probe_waveform()).astype(np.float64)
    norm = float(np.linalg.norm(embeddings))
    positions = np.arange(embeddings.size)
    # Eight weighted sums; the angles are irrational, so that no two weightings agree.
    weightings = np.cos(np.outer(np.sqrt([2, 3, 5, 7, 11, 13, 17, 19]), positions))
    sums = np.round(weightings @ embeddings.ravel() / (norm or 1.0), 3) + 0.0  # no -0.0
    digest = hashlib.sha256(f"{embeddings.shape} {norm:.3e} {sums.tolist()}".encode())
    for variable in getattr(yamnet, "variables", ()):
        digest.update(np.ascontiguousarray(variable).tobytes())
    return digest.hexdigest()[:16]


def _probe_waveform() -> np.ndarray:
    """float32 [32000]: a second of rising sweep with faint hiss, a second of fading hiss."""
    time_seconds = np.arange(SAMPLE_RATE_HZ) / SAMPLE_RATE_HZ
    sweep = 0.3 * np.sin(2 * np.pi * (100 + 3400 * time_seconds) * time_seconds)
    hiss = 0.1 * np.sin(0.7 * np.arange(2 * SAMPLE_RATE_HZ, dtype=np.float64) ** 2)
    faint, loud = np.split(hiss, 2)
    return np.concatenate([sweep + 0.1 * faint, loud * (1 - time_seconds)]).astype(np.float32)


def _fetch() -> Yamnet:
    """YAMNet from its publisher: from TF-Hub, or else its weights for our own network."""
    try:
        return _load_from_hub(YAMNET_HANDLE)
    except MissingWeightsError as hub_error:
        logger.info("TF-Hub gave no YAMNet (%s); trying yamnet.h5", hub_error)
        try:
            return _load_from_disk(download_weights("yamnet"))
        except MissingWeightsError as file_error:
            reason = _hub_reason(hub_error.__cause__)
            raise MissingWeightsError(
                f"{file_error} TF-Hub was tried first ('{YAMNET_HANDLE}'): {reason}"
            ) from hub_error


def _load_from_hub(handle: str) -> Yamnet:
    try:
        with warnings.catch_warnings(), _socket_timeout(_HUB_TIMEOUT_SECONDS):
            warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)
            import tensorflow_hub  # only where a handle is to be resolved

            return tensorflow_hub.load(handle)
    except (ImportError, OSError, RuntimeError, ValueError, tf.errors.OpError) as error:
        raise MissingWeightsError(
            f"Cannot load '{handle}': {_hub_reason(error)}. Check the address and the network, or "
            "pass the path of a local YAMNet instead, which needs no tensorflow_hub. "
            f"{advice_on_missing_weights('yamnet')}"
        ) from error


def _hub_reason(error: BaseException | None) -> str:
    """What TF-Hub failed of, and how to mend it where it is not the network."""
    if not isinstance(error, ImportError):
        return str(error)
    if error.name == "pkg_resources":
        return (
            f"tensorflow_hub does not start ({error}): it needs pkg_resources, which setuptools 81 "
            'dropped. Mend it with: pip install "setuptools<81"'
        )
    return f"tensorflow_hub does not start ({error}): pip install tensorflow-hub tf-keras"


@contextlib.contextmanager
def _socket_timeout(seconds: float) -> Iterator[None]:
    """TF-Hub sets no time limit of its own and would wait for minutes where packets are dropped."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _load_from_disk(place: Path) -> Yamnet:
    if place.suffix == ".h5":
        return WaveformYamnet(create_yamnet(place))
    if place.suffix == ".keras":
        return WaveformYamnet(keras.saving.load_model(place, compile=False, safe_mode=True))
    try:
        return tf.saved_model.load(str(place))
    except (OSError, ValueError, KeyError, tf.errors.OpError) as error:
        raise ValueError(
            f"'{place}' is not a readable SavedModel directory: {error}. Expected the directory of "
            "YAMNet (with saved_model.pb and variables/), its yamnet.h5, or a .keras file."
        ) from error


def _check_is_yamnet(yamnet: Yamnet, source: str | Path) -> None:
    advice = "Use a YAMNet, such as the one load_yamnet() finds without an argument."
    if not callable(yamnet):
        raise ValueError(f"'{source}' was loaded, but cannot be called with a waveform. {advice}")
    try:
        outputs = yamnet(_probe_waveform())
    except (TypeError, ValueError, tf.errors.OpError) as error:
        first_line = str(error).strip().partition("\n")[0]
        raise ValueError(
            f"'{source}' was loaded, but does not take a waveform float32 [num_samples]: "
            f"{first_line} {advice}"
        ) from error
    shapes = [tuple(np.shape(output)) for output in outputs]
    sizes = tuple(shape[-1] for shape in shapes if len(shape) == 2)
    if len(shapes) != 3 or sizes != _OUTPUT_SIZES:
        raise ValueError(
            f"'{source}' is not YAMNet: expected scores [num_frames, 521], embeddings "
            f"[num_frames, 1024] and log mel [num_rows, 64], received shapes {shapes}. {advice}"
        )
