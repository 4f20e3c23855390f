"""Each clip is scaled by its own loudest moment: neither its neighbours nor its padding matter."""

import keras
import librosa
import numpy as np
import pytest

from soundscapes import ClipScale, MelSpectrogram
from soundscapes.mel_settings import SILENCE_DB


@pytest.fixture(scope="module")
def quiet() -> np.ndarray:
    return np.random.default_rng(0).normal(0, 1e-3, (1, 32_000)).astype(np.float32)


def test_a_quiet_clip_is_unchanged_beside_a_loud_one_unlike_in_keras(quiet):
    both = np.concatenate([quiet, 500 * quiet])
    keras_layer = keras.layers.MelSpectrogram(
        fft_length=2048, sequence_stride=512, sampling_rate=32_000, top_db=30, ref_power=1.0
    )
    alone, beside = (np.asarray(keras_layer(clips))[0] for clips in (quiet, both))
    assert np.abs(alone - beside).max() > 20
    rows, scale = MelSpectrogram(), ClipScale(30)
    np.testing.assert_array_equal(scale(rows(quiet))[0], scale(rows(both))[0])


def test_numbers_are_librosas_with_a_floor_divided_by_it(quiet):
    rows = MelSpectrogram()(quiet).numpy()
    floored = librosa.power_to_db(10 ** (rows[0].astype(float) / 10), ref=np.max, top_db=20)
    np.testing.assert_allclose(ClipScale(20.0)(rows)[0], 1 + floored / 20, atol=1e-5)


def test_rows_of_zeros_are_padding_and_become_the_floor(quiet):
    rows = MelSpectrogram()(quiet).numpy()
    padded = np.pad(rows, ((0, 0), (0, 9), (0, 0)))
    scaled = ClipScale()(padded).numpy()
    np.testing.assert_array_equal(scaled[:, :-9], ClipScale()(rows))
    assert not scaled[:, -9:].any()


def test_nothing_but_silence_or_padding_is_zero():
    silent = np.stack([np.full((5, 4), SILENCE_DB), np.zeros((5, 4))])
    assert not np.asarray(ClipScale()(silent)).any()


def test_a_saved_layer_is_the_same(quiet):
    layer = ClipScale(top_db=50)
    rows = MelSpectrogram()(quiet)
    again = ClipScale.from_config(layer.get_config())
    np.testing.assert_array_equal(again(rows), layer(rows))
    with pytest.raises(ValueError, match="top_db > 0, received 0"):
        ClipScale(0)
