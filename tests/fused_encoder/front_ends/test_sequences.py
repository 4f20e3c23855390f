"""Audio sequences in a graph, against the eager ones; their windows, against nested loops."""

from collections.abc import Callable

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from fused_encoder import AudioFrontEnd, LogMelFeatures, as_front_end
from fused_encoder.front_ends.sequences import (
    audio_sequences_in_graph,
    audio_windows,
    pad_sequences,
)

SIZE = 3


def _sequence(num_frames: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.1, 1, (num_frames, SIZE)).astype(np.float32)


def _windows_of_one(sequence: np.ndarray, window_frames: int, max_windows: int) -> list[np.ndarray]:
    """The slow, obvious version: one sequence without padding -> its windows."""
    num_windows = 1
    while num_windows < max_windows and num_windows * window_frames < len(sequence):
        num_windows += 1
    windows = []
    for number in range(num_windows):
        room = max(len(sequence) - window_frames, 0)
        start = 0 if num_windows == 1 else round(number * room / (num_windows - 1))
        window = np.zeros((window_frames, SIZE), np.float32)
        for frame in range(window_frames):
            if start + frame < len(sequence):
                window[frame] = sequence[start + frame]
        windows.append(window)
    return windows


@pytest.mark.parametrize("window_frames", [1, 3, 10])
@pytest.mark.parametrize("max_windows", [1, 2, 5, 100])
def test_windows_are_those_of_the_slow_version_for_every_length(window_frames, max_windows):
    sequences = [_sequence(num_frames, seed=num_frames) for num_frames in range(1, 41)]
    windows, items = audio_windows(
        pad_sequences(sequences), window_frames=window_frames, max_windows=max_windows
    )
    expected, owners = [], []
    for item, sequence in enumerate(sequences):
        own = _windows_of_one(sequence, window_frames, max_windows)
        expected.extend(own)
        owners.extend([item] * len(own))
    np.testing.assert_array_equal(windows, expected)
    np.testing.assert_array_equal(items, owners)


def test_an_absent_sequence_is_one_window_of_zeros():
    sequences = np.stack([np.zeros((12, SIZE), np.float32), _sequence(12)])
    windows, items = audio_windows(sequences, window_frames=5, max_windows=4)
    assert items.numpy().tolist() == [0, 1, 1, 1]
    assert not windows[0].numpy().any()


def test_lengths_end_at_the_last_row_that_holds_anything():
    inner_silence = _sequence(6)
    inner_silence[1:4] = 0
    batch = pad_sequences([_sequence(1), inner_silence, np.zeros((2, SIZE)), -_sequence(9)])
    _, items = audio_windows(batch, window_frames=1, max_windows=99)
    assert np.bincount(items).tolist() == [1, 6, 1, 9]


def test_padding_puts_zeros_to_the_right_of_the_longest():
    batch = pad_sequences([_sequence(2), _sequence(5)])
    assert (batch.shape, batch.dtype) == ((2, 5, SIZE), np.float32)
    np.testing.assert_array_equal(batch[0, :2], _sequence(2))
    assert not batch[0, 2:].any()
    np.testing.assert_array_equal(pad_sequences([_sequence(5)], 3)[0], _sequence(5)[:3])
    assert pad_sequences([np.zeros((0, SIZE), np.float32)]).shape == (1, 1, SIZE)


front_end = as_front_end(LogMelFeatures())


class Listener(tf.Module):
    """A minimal export: holds its front end's module, and maps waveforms to sequences."""

    def __init__(self, front_end: AudioFrontEnd) -> None:
        super().__init__()
        self.front_end, self.module = front_end, front_end.module

    @tf.function(input_signature=[tf.TensorSpec([None, None], tf.float32)])
    def __call__(self, waveforms: tf.Tensor) -> tf.Tensor:
        return audio_sequences_in_graph(self.front_end, waveforms)


InGraph = Callable[[np.ndarray], tf.Tensor]


@pytest.fixture(scope="module")
def in_graph():
    return Listener(front_end)


def noise(num_samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.01, 0.2, num_samples).astype(np.float32)


def padded_batch(lengths: list[int], extra: int = 0) -> np.ndarray:
    batch = np.zeros((len(lengths), max(lengths, default=0) + extra), np.float32)
    for row, length in enumerate(lengths):
        batch[row, :length] = noise(length, seed=row)
    return batch


def check_twins_agree(
    graph_twin: InGraph, front_end: AudioFrontEnd, lengths: list[int], extra: int
) -> None:
    batch = padded_batch(lengths, extra)
    sequences = graph_twin(batch).numpy()
    nothing = np.zeros((0, 1024), np.float32)
    expected = [front_end(row) if row.any() else nothing for row in batch]
    assert sequences.shape == (len(lengths), max(1, *map(len, expected)), 1024)
    for sequence, frames in zip(sequences, expected, strict=True):
        np.testing.assert_allclose(sequence[: len(frames)], frames, atol=1e-5)
        assert not sequence[len(frames) :].any()


@settings(max_examples=15, deadline=None)
@given(
    lengths=st.lists(st.one_of(st.just(0), st.integers(1600, 40_000)), min_size=2, max_size=4),
    extra=st.integers(0, 9000),
)
def test_the_graph_gives_the_eager_sequences_at_any_length(in_graph, lengths, extra):
    check_twins_agree(in_graph, front_end, lengths, extra)


@pytest.mark.weights
def test_the_graph_agrees_on_the_genuine_yamnet_when_saved(weights_dir, tmp_path):
    genuine = as_front_end(tf.saved_model.load(str(weights_dir / "yamnet")))
    tf.saved_model.save(Listener(genuine), tmp_path / "listener")
    loaded = tf.saved_model.load(tmp_path / "listener")
    check_twins_agree(loaded, genuine, [1600, 15_600, 15_601, 50_000, 0], extra=5000)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [((2, 0), (2, 1)), ((0, 0), (0, 1)), ((0, 9000), (0, 1)), ((2, 9000), (2, 1))],
)
def test_no_sound_gives_one_frame_of_zeros(in_graph, shape, expected):
    sequences = in_graph(np.zeros(shape, np.float32))
    assert sequences.shape == (*expected, 1024)
    assert not sequences.numpy().any()


def test_the_graph_refuses_too_short_a_sound_and_nan(in_graph):
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"less than 0\.1 s of sound"):
        in_graph(padded_batch([16_000, 160]))
    batch = padded_batch([16_000, 16_000])
    batch[1, 5] = np.nan
    with pytest.raises(tf.errors.InvalidArgumentError, match="holds NaN or infinity"):
        in_graph(batch)
