"""Tiny classifiers: a front end that measures loudness in 4 bands, and a network of one dense layer."""

import keras
import numpy as np
import pytest

from fused_encoder.front_ends.windows import front_end_from_function
from media import save_waveform
from soundscapes.classifier import SoundClassifier

RATE = 8_000
HOP_SECONDS = 0.1
CLIP_FRAMES = 10
CLASSES = ("low", "middle", "high")


def tone(seconds: float, hertz: float, rate: int = RATE, level: float = 0.3) -> np.ndarray:
    """A tone with a faint hiss, so that no sample is like the next."""
    times = np.arange(round(seconds * rate)) / rate
    hiss = np.random.default_rng(0).normal(0, 1e-3, len(times))
    return (level * np.sin(2 * np.pi * hertz * times) + hiss).astype(np.float32)


def bands(windows: np.ndarray) -> np.ndarray:
    """Log power in 4 bands of half the sample rate, float32 [batch, 4]."""
    power = np.abs(np.fft.rfft(np.asarray(windows), axis=1)) ** 2
    parts = np.array_split(power[:, 1:], 4, axis=1)
    return np.log10(1e-4 + np.stack([part.mean(axis=1) for part in parts], axis=1)).astype(
        np.float32
    )


def band_front_end(rate: int = RATE, hop_seconds: float = HOP_SECONDS):
    return front_end_from_function(
        bands, name="bands", sample_rate_hz=rate, window_seconds=hop_seconds, windows_per_batch=32
    )


def tiny_network(size: int, num_classes: int, seed: int = 0) -> keras.Model:
    """A dense layer for each moment, and their mean."""
    frames = keras.Input((None, size), name="frames")
    initializer = keras.initializers.RandomNormal(seed=seed)
    times = keras.layers.Dense(num_classes, name="frame_logits", kernel_initializer=initializer)(
        frames
    )
    return keras.Model(frames, keras.layers.GlobalAveragePooling1D()(times))


def tiny_classifier(seed: int = 0, **front_end) -> SoundClassifier:
    """Three of the bands are its classes; another seed is another fold."""
    made = band_front_end(**front_end)
    network = tiny_network(4, len(CLASSES), seed)
    weights = 2 * np.eye(4, 3, dtype=np.float32)
    weights += np.random.default_rng(seed).normal(0, 0.1, weights.shape).astype(np.float32)
    network.get_layer("frame_logits").set_weights([weights, np.full(3, -1, np.float32)])
    return SoundClassifier(network, made, CLASSES, CLIP_FRAMES)


@pytest.fixture(scope="session")
def classifier() -> SoundClassifier:
    return tiny_classifier()


@pytest.fixture
def recordings(tmp_path):
    """A long one in which the bands follow each other, one shorter than a clip, and bad ones."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    waveform = np.concatenate([tone(4.0, 500), tone(4.0, 1500), tone(4.0, 2500)])
    save_waveform(folder / "long.wav", waveform, RATE)
    save_waveform(folder / "short.wav", tone(0.55, 500), RATE)
    save_waveform(folder / "silent.wav", np.zeros(2 * RATE, np.float32), RATE)
    (folder / "broken.wav").write_bytes(b"RIFF no sound at all")
    return folder
