import numpy as np
import pytest

from media import resample
from media.resampling import resample_blocks

RATES_HZ = [8000, 22050, 44100, 48000, 192000]


def tone(frequency_hz: float, rate_hz: int, seconds: float = 1.0) -> np.ndarray:
    return np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * rate_hz)) / rate_hz)


@pytest.mark.parametrize("resampler", ["soxr_hq", "kaiser_best"])
@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_a_tone_stays_the_same_tone_at_the_same_time(rate_hz: int, resampler: str) -> None:
    resampled = resample(tone(1000, rate_hz), rate_hz, 16000, resampler=resampler)
    assert resampled.dtype == np.float32
    assert abs(len(resampled) - 16000) <= 1
    middle = slice(2000, 14000)
    np.testing.assert_allclose(resampled[middle], tone(1000, 16000)[middle], atol=2e-3)


def test_soxr_keeps_what_kaiser_best_loses_at_the_upper_end() -> None:
    kept, lost = (
        np.std(resample(tone(7500, 48000), 48000, 16000, resampler=resampler)[2000:14000])
        for resampler in ("soxr_hq", "kaiser_best")
    )
    assert 20 * np.log10(kept / np.sqrt(0.5)) > -1
    assert 20 * np.log10(lost / np.sqrt(0.5)) < -10


def test_what_lies_above_the_new_band_does_not_fold_back() -> None:
    assert np.abs(resample(tone(11000, 48000), 48000, 16000)[1000:-1000]).max() < 1e-3


@pytest.mark.parametrize("resampler", ["soxr_hq", "kaiser_best"])
def test_a_few_samples_are_no_trouble(resampler: str) -> None:
    for num_samples in (0, 1, 2, 5):
        resampled = resample(np.ones(num_samples), 48000, 16000, resampler=resampler)
        assert len(resampled) <= 3


def test_wrong_arguments_are_named() -> None:
    with pytest.raises(ValueError, match=r"received \[9, 2\]. Mix it down first"):
        resample(np.zeros((9, 2)), 8000, 16000)
    with pytest.raises(ValueError, match="above 0 Hz, received 0 and 16000"):
        resample(np.zeros(9), 0, 16000)
    with pytest.raises(ValueError, match="'soxr_hq' or 'kaiser_best', received 'linear'"):
        resample(np.zeros(9), 8000, 16000, resampler="linear")


@pytest.mark.parametrize("rate_hz", [*RATES_HZ, 16000, 44099])
@pytest.mark.parametrize("block_length", [1, 777, 100_000])
def test_blocks_resampled_one_by_one_join_to_the_whole(rate_hz: int, block_length: int) -> None:
    waveform = tone(1000, rate_hz, 0.2).astype(np.float32)
    blocks = np.split(waveform, range(block_length, len(waveform), block_length))
    joined = np.concatenate(list(resample_blocks(iter(blocks), rate_hz, 16000)))
    np.testing.assert_allclose(joined, resample(waveform, rate_hz, 16000), atol=1e-6)
