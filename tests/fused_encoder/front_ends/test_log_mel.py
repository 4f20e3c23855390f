import numpy as np
import pytest
import tensorflow as tf

from fused_encoder.front_ends.log_mel import LogMelFeatures, log_mel_patches


def tone(hertz: float, num_samples: int = 16_000) -> np.ndarray:
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(num_samples) / 16_000)).astype(np.float32)


def htk_mel(hertz: np.ndarray | float) -> np.ndarray:
    return 1127.0 * np.log1p(np.asarray(hertz) / 700.0)


def slow_log_mel_row(waveform: np.ndarray, row: int) -> np.ndarray:
    """One row by the definition: a DFT of one windowed piece, triangles on the mel axis."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    spectrum = np.abs(np.fft.rfft(waveform[160 * row : 160 * row + 400] * window, 512))
    bins = htk_mel(np.arange(257) * 16_000 / 512)
    edges = np.linspace(htk_mel(125), htk_mel(7500), 66)
    mel = np.zeros(64)
    for band in range(64):
        low, centre, high = edges[band : band + 3]
        for magnitude, position in zip(spectrum[1:], bins[1:], strict=True):
            rise = (position - low) / (centre - low)
            fall = (high - position) / (high - centre)
            mel[band] += magnitude * max(0.0, min(rise, fall))
    return np.log(mel + 0.001)


def test_rows_equal_the_definition_written_out_in_loops():
    waveform = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    log_mel = log_mel_patches(waveform)[1].numpy()
    for row in (0, 1, 50, 97):
        np.testing.assert_allclose(log_mel[row], slow_log_mel_row(waveform, row), atol=1e-3)


@pytest.mark.parametrize(
    ("num_samples", "num_patches"),
    [(0, 1), (1, 1), (15_600, 1), (15_601, 2), (23_280, 2), (23_281, 3), (80_000, 10)],
)
def test_the_waveform_is_padded_to_a_whole_number_of_patches(num_samples, num_patches):
    patches, log_mel = log_mel_patches(tf.zeros(num_samples))
    assert patches.shape == (num_patches, 96, 64)
    assert log_mel.shape == (96 + 48 * (num_patches - 1), 64)


def test_patches_overlap_by_half():
    patches, log_mel = log_mel_patches(tone(1000, 30_000))
    np.testing.assert_array_equal(patches[0][48:], patches[1][:48])
    np.testing.assert_array_equal(patches[1], log_mel[48:144])


def test_the_stand_in_hears_silence_as_zero_and_sound_with_unit_variance():
    features = LogMelFeatures()
    assert np.abs(features(tf.zeros(16_000))[1]).max() < 1e-6
    np.testing.assert_allclose(features(tone(440))[1].numpy().mean(axis=1), 0, atol=1e-4)
    np.testing.assert_allclose(features(tone(440))[1].numpy().std(axis=1), 1, atol=1e-2)


def test_the_stand_in_averages_six_rows_at_a_time():
    waveform = tone(2000, 15_600) * np.linspace(0, 1, 15_600, dtype=np.float32)
    scores, embeddings, log_mel = LogMelFeatures()(waveform)
    assert (scores.shape, embeddings.shape, log_mel.shape) == ((1, 521), (1, 1024), (96, 64))
    steps = log_mel[:96].numpy().reshape(16, 6, 64).mean(axis=1).ravel()
    standardised = (steps - steps.mean()) / np.sqrt(steps.var() + 1e-4)
    np.testing.assert_allclose(embeddings[0], standardised, atol=1e-4)
