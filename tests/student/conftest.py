"""Three species that whistle at their own pitch, in files of several rates, and a quick hearing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from media import save_waveform
from soundscapes import LabelledRecordings, scan_recordings
from student import StudentHearing, prepare_clips
from triplets import FeatureStore

PITCH_HZ = {"Low": 500, "Middle": 1200, "High": 2500}
RATES = (8000, 16_000, 22_050)


def song(hz: float, rate: int, rng: np.random.Generator, seconds: float = 1.0) -> np.ndarray:
    """A whistle that rises a little, in faint noise."""
    time = np.arange(round(seconds * rate)) / rate
    tone = np.sin(2 * np.pi * hz * (1 + 0.1 * time) * time)
    return (0.3 * tone + rng.normal(0, 0.02, len(time))).astype(np.float32)


@pytest.fixture(scope="session")
def songs(tmp_path_factory) -> Path:
    root, rng = tmp_path_factory.mktemp("whistles"), np.random.default_rng(0)
    for name, hz in PITCH_HZ.items():
        (root / name).mkdir()
        for number in range(6):
            rate = RATES[number % 3]
            for part in (1, 2):
                path = root / name / f"{name}{number}_{part}.wav"
                save_waveform(path, song(hz * rng.uniform(0.9, 1.1), rate, rng), rate)
    return root


@pytest.fixture(scope="session")
def recordings(songs) -> LabelledRecordings:
    return scan_recordings(songs, source_of=lambda path: path.stem.partition("_")[0])


@pytest.fixture(scope="session")
def hearing() -> StudentHearing:
    return StudentHearing(
        sample_rate_hz=8000, clip_seconds=1.0, num_bands=32, fft_length=512, hop_samples=256
    )


@pytest.fixture(scope="session")
def store(tmp_path_factory) -> FeatureStore:
    return FeatureStore(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="session")
def both_sides(recordings, hearing, store):
    from soundscapes import split_recordings

    sides = split_recordings(recordings, num_folds=3)
    return [prepare_clips(side, hearing, store=store, progress=False) for side in sides]
