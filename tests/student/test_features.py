import librosa
import numpy as np
import pytest

from student import FEATURE_NAMES, StudentHearing, sound_features


def by_librosa(clip: np.ndarray, hearing: StudentHearing) -> np.ndarray:
    """The obvious version, one call of librosa for each."""
    rate, n_fft, hop = hearing.sample_rate_hz, hearing.fft_length, hearing.hop_samples
    frames = {"hop_length": hop}
    feature = librosa.feature
    spectrum = np.abs(librosa.stft(clip, n_fft=n_fft, **frames)) ** 2
    hz = librosa.fft_frequencies(sr=rate, n_fft=n_fft)
    inside = (hz >= hearing.min_hz) & (hz <= hearing.highest_hz)
    mfcc = feature.mfcc(
        y=clip, sr=rate, n_mfcc=13, n_fft=n_fft, n_mels=hearing.num_bands,
        fmin=hearing.min_hz, fmax=hearing.highest_hz, **frames,
    )  # fmt: skip
    return np.array(
        [
            feature.spectral_centroid(y=clip, sr=rate, n_fft=n_fft, **frames).mean(),
            feature.rms(y=clip, frame_length=n_fft, **frames).mean(),
            feature.zero_crossing_rate(clip, frame_length=n_fft, **frames).mean(),
            feature.spectral_rolloff(y=clip, sr=rate, n_fft=n_fft, **frames).mean(),
            spectrum[inside].sum() / spectrum.sum(),
            *mfcc.mean(axis=1),
        ]
    )


@pytest.mark.parametrize("rate", [8000, 48_000])
def test_the_18_features_are_those_of_librosa(rate):
    hearing = StudentHearing(
        sample_rate_hz=rate, clip_seconds=1.0, min_hz=100, max_hz=3500, num_bands=40
    )
    noise = np.random.default_rng(1).normal(0, 0.1, rate)
    clip = (noise * np.linspace(0, 1, rate) + 0.3 * np.sin(np.arange(rate) / 5)).astype("float32")
    found = sound_features(clip[None], hearing)
    assert found.shape == (1, len(FEATURE_NAMES)) == (1, 18)
    np.testing.assert_allclose(found[0], by_librosa(clip, hearing), rtol=2e-3, atol=2e-3)


def test_silence_has_features_that_are_numbers():
    hearing = StudentHearing(clip_seconds=0.5)
    features = sound_features(np.zeros((1, hearing.clip_samples)), hearing)
    assert np.isfinite(features).all()
    assert not features[0, :5].any()
