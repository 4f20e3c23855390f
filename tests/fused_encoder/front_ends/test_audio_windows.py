"""Windows of long audio sequences, against nested loops."""

import numpy as np
import pytest

from fused_encoder.front_ends.audio_windows import audio_windows, pad_sequences, sequence_lengths

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


def test_first_and_last_frame_are_heard_and_enough_windows_leave_none_out():
    sequence = _sequence(37)
    windows, _ = audio_windows(sequence[None], window_frames=10, max_windows=9)
    np.testing.assert_array_equal(windows[0][0], sequence[0])
    np.testing.assert_array_equal(windows[-1][-1], sequence[-1])
    heard = {tuple(frame) for frame in np.concatenate(windows)}
    assert {tuple(frame) for frame in sequence} <= heard


@pytest.mark.parametrize("padding", [0, 1, 25])
def test_padding_changes_no_window(padding):
    sequences = [_sequence(4), _sequence(23)]
    expected = audio_windows(pad_sequences(sequences), window_frames=5, max_windows=3)
    padded = pad_sequences(sequences, 23 + padding)
    for value, wanted in zip(
        audio_windows(padded, window_frames=5, max_windows=3), expected, strict=True
    ):
        np.testing.assert_array_equal(value, wanted)


def test_an_absent_sequence_is_one_window_of_zeros():
    sequences = np.stack([np.zeros((12, SIZE), np.float32), _sequence(12)])
    windows, items = audio_windows(sequences, window_frames=5, max_windows=4)
    assert items.numpy().tolist() == [0, 1, 1, 1]
    assert not windows[0].numpy().any()


def test_sequences_of_no_frames_give_windows_of_zeros():
    windows, items = audio_windows(
        np.zeros((2, 0, SIZE), np.float32), window_frames=4, max_windows=3
    )
    assert (windows.shape, items.numpy().tolist()) == ((2, 4, SIZE), [0, 1])


def test_lengths_end_at_the_last_row_that_holds_anything():
    inner_silence = _sequence(6)
    inner_silence[1:4] = 0
    batch = pad_sequences([_sequence(1), inner_silence, np.zeros((2, SIZE)), -_sequence(9)])
    assert sequence_lengths(batch).numpy().tolist() == [1, 6, 0, 9]


def test_padding_puts_zeros_to_the_right_of_the_longest():
    batch = pad_sequences([_sequence(2), _sequence(5)])
    assert (batch.shape, batch.dtype) == ((2, 5, SIZE), np.float32)
    np.testing.assert_array_equal(batch[0, :2], _sequence(2))
    assert not batch[0, 2:].any()


def test_padding_to_a_length_cuts_what_is_longer():
    batch = pad_sequences([_sequence(2), _sequence(5)], 3)
    assert batch.shape == (2, 3, SIZE)
    np.testing.assert_array_equal(batch[1], _sequence(5)[:3])


def test_sequences_of_no_frames_are_padded_to_at_least_one():
    assert pad_sequences([np.zeros((0, SIZE), np.float32)]).shape == (1, 1, SIZE)
