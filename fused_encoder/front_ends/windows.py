"""Front ends of networks that take windows of sound: any function of a batch of windows, any SavedModel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from fused_encoder.front_ends.contract import AudioFrontEnd, model_fingerprint
from fused_encoder.front_ends.saved_model import load_saved_model


def front_end_from_function(
    embed_windows: Callable[[Any], npt.ArrayLike],
    *,
    name: str,
    sample_rate_hz: int,
    window_seconds: float,
    hop_seconds: float | None = None,
    windows_per_batch: int = 16,
    module: tf.Module | None = None,
) -> AudioFrontEnd:
    """The audio front end of any function of windows of sound.

    Sound is cut into windows; the last one is filled up with zeros, so that no sound is lost.

    Args:
        embed_windows: float32 [batch, window_samples], amplitude in [-1, 1] -> float32
            [batch, embedding_size]; called by several threads.
        name: such as "perch".
        sample_rate_hz: int > 0, of the waveforms that it takes.
        window_seconds: float > 0.
        hop_seconds: float > 0, from window to window. Default: a window, so that none overlap.
        windows_per_batch: int >= 1, how many windows it best takes at once.
        module: the TensorFlow object with the weights, where `embed_windows` is made of TensorFlow
            operations: then encoders can be exported with it. None for any other function.

    Raises:
        ValueError: a number is out of range, or the function gives another shape.

    Example:
        >>> loudness = front_end_from_function(
        ...     lambda windows: windows.std(axis=1, keepdims=True),
        ...     name="loudness", sample_rate_hz=48_000, window_seconds=3.0)
        >>> loudness(np.random.default_rng(0).normal(0, 0.1, 200_000)).shape
        (2, 1)
    """
    hop_seconds = window_seconds if hop_seconds is None else hop_seconds
    window, hop = (round(seconds * sample_rate_hz) for seconds in (window_seconds, hop_seconds))
    if min(window, hop, windows_per_batch) < 1:
        raise ValueError(
            "Expected sample_rate_hz, window_seconds, hop_seconds and windows_per_batch above 0, received "
            f"{sample_rate_hz}, {window_seconds}, {hop_seconds} and {windows_per_batch}."
        )

    def cut(sound: tf.Tensor) -> tf.Tensor:
        num_more = -(-tf.maximum(tf.size(sound) - window, 0) // hop)
        padded = tf.pad(sound, [[0, window + num_more * hop - tf.size(sound)]])
        return tf.ensure_shape(tf.signal.frame(padded, window, hop), [None, window])

    cut_in_graph = tf.function(cut, input_signature=[tf.TensorSpec([None], tf.float32)])
    windows = cut_in_graph if module else lambda sound: cut_in_graph(sound).numpy()
    shape = np.shape(embed_windows(np.zeros((2, window), np.float32)))
    if len(shape) != 2 or shape[0] != 2:
        raise ValueError(
            f"Expected '{name}' to give [2, embedding_size] of two windows of {window} samples, received "
            f"{list(shape)}."
        )

    def embed_sound(sound: np.ndarray) -> npt.ArrayLike:
        return embed_windows(windows(sound))

    cutting = np.array([sample_rate_hz, window, hop])  # the same network, cut otherwise, is another
    weights = getattr(module, "variables", ())
    return AudioFrontEnd(
        name=name,
        sample_rate_hz=sample_rate_hz,
        window_seconds=window_seconds,
        hop_seconds=hop_seconds,
        embedding_size=shape[1],
        windows_per_batch=windows_per_batch,
        fingerprint=model_fingerprint(embed_sound, sample_rate_hz, [cutting, *weights]),
        embed_sound=embed_sound,
        windows=windows,
        embed_windows=embed_windows,
        module=module,
    )


def front_end_from_saved_model(
    source: str | Path | tf.Module,
    *,
    name: str,
    sample_rate_hz: int,
    window_seconds: float,
    hop_seconds: float | None = None,
    function: str = "serving_default",
    output: str | int | None = None,
    prepare: Callable[[tf.Tensor], tf.Tensor] | None = None,
    windows_per_batch: int = 16,
) -> AudioFrontEnd:
    """The audio front end of a TensorFlow SavedModel that takes windows of sound.

    A SavedModel is a program that runs with your rights: load it only from where you trust.

    Args:
        source: a folder, a web address or a Kaggle handle, as in `load_saved_model`; or what it gives.
        name: this and the other numbers are as in `front_end_from_function`.
        sample_rate_hz: int > 0.
        window_seconds: float > 0.
        hop_seconds: float > 0. Default: a window.
        function: a signature, or a function of the model, of float32 [batch, window_samples]; one that
            takes a single window at a time, [1, window_samples], is called window by window.
        output: which of several outputs are the embeddings, by name or, where they have none, by place.
            Default: the one named "embedding"; the last.
        prepare: what is done with the windows before, in TensorFlow operations, such as a scaling.
        windows_per_batch: int >= 1.

    Raises:
        MissingWeightsError: it cannot be downloaded.
        ValueError: there is no such model, function or output, or it does not take these windows.
    """
    model = load_saved_model(source) if isinstance(source, str | Path) else source
    called = _function_of(model, function, name)
    window = round(window_seconds * sample_rate_hz)

    def embed(windows: tf.Tensor) -> tf.Tensor:
        windows = windows if prepare is None else prepare(windows)
        return _chosen(called(windows), output, name)

    def embed_one_by_one(windows: tf.Tensor) -> tf.Tensor:
        size = embed(tf.zeros([1, window])).shape[1]
        spec = tf.TensorSpec([size], tf.float32)
        return tf.map_fn(lambda one: embed(one[None])[0], windows, fn_output_signature=spec)

    embeds = embed
    if _refusal(embed, None, window):
        embeds = embed_one_by_one
        if refusal := _refusal(embed, 1, window):
            raise ValueError(
                f"'{name}' cannot be called with windows of {window} samples, float32 [batch, {window}]: "
                f"{refusal}. Check function, output, sample_rate_hz and window_seconds."
            )
    batch = tf.TensorSpec([None, window], tf.float32)
    return front_end_from_function(
        tf.function(embeds, input_signature=[batch], autograph=False),
        name=name,
        sample_rate_hz=sample_rate_hz,
        window_seconds=window_seconds,
        hop_seconds=hop_seconds,
        windows_per_batch=windows_per_batch,
        module=model,
    )


def _function_of(model: Any, function: str, name: str) -> Callable[[tf.Tensor], Any]:
    signatures = getattr(model, "signatures", {})
    if function in signatures:
        called = signatures[function]
        (argument,) = called.structured_input_signature[1]
        return lambda windows: called(**{argument: windows})
    if not callable(getattr(model, function, None)):
        raise ValueError(
            f"The SavedModel of '{name}' has no function '{function}'; its signatures: "
            f"{', '.join(signatures) or 'none'}."
        )
    return getattr(model, function)


def _chosen(outputs: Any, output: str | int | None, name: str) -> tf.Tensor:
    if isinstance(outputs, tf.Tensor):
        return outputs
    if isinstance(outputs, Mapping):
        given = sorted(outputs)
        usual = given[0] if len(given) == 1 else "embedding"
    else:
        given, usual = list(range(len(outputs))), len(outputs) - 1
    chosen = usual if output is None else output
    if chosen not in given:
        raise ValueError(f"the SavedModel of '{name}' has no output {chosen!r}, but {given}")
    return outputs[chosen]


def _refusal(
    embed: Callable[[tf.Tensor], tf.Tensor], num_windows: int | None, window: int
) -> Exception | None:
    """Why a network does not take so many windows (None: any number) of so many samples."""
    try:
        spec = tf.TensorSpec([num_windows, window], tf.float32)
        tf.function(embed, autograph=False).get_concrete_function(spec)
    except (TypeError, ValueError, tf.errors.OpError) as error:
        return error
    return None
