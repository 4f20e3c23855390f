"""The steps from samples to a mono waveform at another rate."""

import numpy as np
import pytest

from media import resample
from media.waveforms import Mixer, mean_of_channels, regroup, resample_blocks

RATES_HZ = [8000, 22050, 44100, 48000, 192000]
NOISE = np.random.default_rng(0).standard_normal((8000, 6)).astype(np.float32)


def mixed(samples, length=1000):
    """The samples mixed down in pieces, and the note."""
    mixer = Mixer(samples.shape[1], 8000)
    pieces = np.split(samples, range(length, len(samples), length))
    return np.concatenate(list(mixer.mix(pieces))), mixer.note


@pytest.mark.parametrize("num_channels", range(1, 7))
def test_unrelated_channels_are_averaged_without_a_note(num_channels):
    samples = NOISE[:, :num_channels]
    np.testing.assert_array_equal(mean_of_channels(samples), samples.mean(axis=1))
    waveform, note = mixed(samples)
    np.testing.assert_array_equal(waveform, samples.mean(axis=1))
    assert note is None


@pytest.mark.parametrize("noise", [0, 0.5])
def test_opposite_polarity_gives_the_louder_channel_and_a_note(noise):
    call = NOISE[:, 0]
    samples = np.stack([0.8 * call, -call], axis=1) + noise * NOISE[:, 1:3]
    waveform, note = mixed(samples)
    np.testing.assert_array_equal(waveform, samples[:, 1])
    assert note % "wren.wav" == (
        "The 2 channels of 'wren.wav' cancel when mixed (opposite polarity): using channel 2 alone."
    )


def test_one_channel_alone_of_six_and_silence_are_no_reason_to_worry():
    surround = np.zeros((8000, 6), dtype=np.float32)
    assert mixed(surround)[1] is None
    surround[:, 2] = NOISE[:, 0]
    waveform, note = mixed(surround)
    np.testing.assert_allclose(waveform, NOISE[:, 0] / 6, atol=1e-6)
    assert note is None


def tone(frequency_hz, rate_hz, seconds=1.0):
    return np.sin(2 * np.pi * frequency_hz * np.arange(round(seconds * rate_hz)) / rate_hz)


@pytest.mark.parametrize("resampler", ["soxr_hq", "kaiser_best"])
@pytest.mark.parametrize("rate_hz", RATES_HZ)
def test_a_tone_stays_the_same_tone_at_the_same_time(rate_hz, resampler):
    resampled = resample(tone(1000, rate_hz), rate_hz, 16000, resampler=resampler)
    assert resampled.dtype == np.float32
    assert abs(len(resampled) - 16000) <= 1
    middle = slice(2000, 14000)
    np.testing.assert_allclose(resampled[middle], tone(1000, 16000)[middle], atol=2e-3)


def test_soxr_keeps_what_kaiser_best_loses_and_nothing_folds_back():
    kept, lost = (
        np.std(resample(tone(7500, 48000), 48000, 16000, resampler=resampler)[2000:14000])
        for resampler in ("soxr_hq", "kaiser_best")
    )
    assert 20 * np.log10(kept / np.sqrt(0.5)) > -1
    assert 20 * np.log10(lost / np.sqrt(0.5)) < -10
    assert np.abs(resample(tone(11000, 48000), 48000, 16000)[1000:-1000]).max() < 1e-3


@pytest.mark.parametrize("resampler", ["soxr_hq", "kaiser_best"])
def test_a_few_samples_are_no_trouble(resampler):
    for num_samples in (0, 1, 2, 5):
        resampled = resample(np.ones(num_samples), 48000, 16000, resampler=resampler)
        assert len(resampled) <= 3


@pytest.mark.parametrize("rate_hz", [*RATES_HZ, 16000, 44099])
@pytest.mark.parametrize("length", [1, 777, 100_000])
def test_blocks_resampled_one_by_one_join_to_the_whole(rate_hz, length):
    waveform = tone(1000, rate_hz, 0.2).astype(np.float32)
    blocks = list(regroup(iter(np.split(waveform, [5, 5, 999])), length))
    assert {len(block) for block in blocks[:-1]} <= {length}
    joined = np.concatenate(list(resample_blocks(blocks, rate_hz, 16000)))
    np.testing.assert_allclose(joined, resample(waveform, rate_hz, 16000), atol=1e-6)
