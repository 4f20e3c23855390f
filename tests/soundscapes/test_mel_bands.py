"""The bands of a mel spectrogram: librosa's, without librosa."""

import warnings

import librosa
import numpy as np
import pytest

from soundscapes.mel_bands import mel_bands


@pytest.mark.parametrize("is_htk", [False, True])
@pytest.mark.parametrize(
    ("rate", "fft_length", "num_bands", "min_hz", "max_hz"),
    [
        (32_000, 2048, 128, 20.0, 16_000.0),
        (48_000, 2048, 64, 20.0, 24_000.0),
        (16_000, 512, 40, 0.0, 8_000.0),
        (22_050, 1024, 24, 150.0, 990.0),
        (256_000, 4096, 96, 5_000.5, 120_000.0),
    ],
)
def test_they_are_those_of_librosa_to_the_last_bit(
    rate, fft_length, num_bands, min_hz, max_hz, is_htk
):
    with warnings.catch_warnings():  # of bands without a frequency
        warnings.simplefilter("ignore")
        expected = librosa.filters.mel(
            sr=rate, n_fft=fft_length, n_mels=num_bands, fmin=min_hz, fmax=max_hz, htk=is_htk
        )
    bands = mel_bands(rate, fft_length, num_bands, min_hz=min_hz, max_hz=max_hz, is_htk=is_htk)
    np.testing.assert_array_equal(bands, expected.T)
    assert bands.dtype == np.float32
