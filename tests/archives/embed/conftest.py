"""A small archive: photos, recordings and a film, good and bad."""

from pathlib import Path

import numpy as np
import pytest

from media import save_image, save_waveform, write_video

RATE = 16_000


def tone(seconds: float, hertz: float = 2000.0, rate: int = RATE) -> np.ndarray:
    times = np.arange(round(seconds * rate)) / rate
    swell = 0.3 + 0.2 * np.sin(2 * np.pi * 0.7 * times)
    return (swell * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def photo(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (40, 60, 3), np.uint8)


@pytest.fixture(name="tone")
def _tone():
    return tone


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """Two photos, three recordings and a film with sound, in nested folders with equal names."""
    folder = tmp_path / "archive"
    for name in ("wren/1", "Zaunkönig/1"):
        (folder / name).parent.mkdir(parents=True)
        save_image(folder / f"{name}.png", photo(len(name)))
        save_waveform(folder / f"{name}.wav", tone(7.0, 100.0 * len(name)), RATE)
    save_waveform(folder / "short.flac", tone(1.0), RATE)
    frames = [np.full((32, 32, 3), 40 + 30 * number, np.uint8) for number in range(4)]
    write_video(
        folder / "film.mp4", frames, frames_per_second=1, waveform=tone(4.0), sample_rate_hz=16_000
    )
    return folder
