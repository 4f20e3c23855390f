"""A small archive: photos, recordings and a film, good and bad."""

from pathlib import Path

import numpy as np
import pytest

from archives.embed.archive import Archive
from media import save_image, save_waveform, write_video

RATE = 16_000


def tone(seconds: float, hertz: float = 2000.0, rate: int = RATE) -> np.ndarray:
    times = np.arange(round(seconds * rate)) / rate
    swell = 0.3 + 0.2 * np.sin(2 * np.pi * 0.7 * times)
    return (swell * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def photo(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (40, 60, 3), np.uint8)


def embeddings_in(folder: Path) -> dict[str, np.ndarray]:
    """Of each id of an archive its embedding; no id comes twice."""
    pairs = [
        pair
        for ids, embeddings, _ in Archive(folder).batches()
        for pair in zip(ids, np.asarray(embeddings), strict=True)
    ]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def assert_same_embeddings(folder: Path, other: Path) -> None:
    one, two = embeddings_in(folder), embeddings_in(other)
    assert one.keys() == two.keys()
    for name, embedding in one.items():
        np.testing.assert_allclose(embedding, two[name], atol=1e-5)


@pytest.fixture(name="tone")
def _tone():
    return tone


@pytest.fixture
def archive(tmp_path):
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
