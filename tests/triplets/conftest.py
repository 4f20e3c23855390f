"""Fixtures of the triplets' tests: a YAMNet that counts its calls, prepared media, small folders."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fused_encoder import LogMelFeatures
from media import save_image, save_waveform
from triplets import FeatureStore, LabelledFiles, PreparedMedia, prepare_media, scan_folders


class CountingYamnet:
    """LogMelFeatures that notes how often it was asked for a recording."""

    def __init__(self) -> None:
        self.model = LogMelFeatures()
        self.num_samples: list[int] = []  # of each call; list.append is safe between threads

    def __call__(self, waveform: np.ndarray) -> tuple:
        self.num_samples.append(len(waveform))
        return self.model(waveform)

    @property
    def num_recordings(self) -> int:
        return sum(count != 32_000 for count in self.num_samples)  # 32,000: the fingerprint's probe


WriteFolders = Callable[..., tuple[Path, Path]]


@pytest.fixture
def counting_yamnet() -> CountingYamnet:
    return CountingYamnet()


@pytest.fixture(scope="session")
def aviary_folders(aviary) -> LabelledFiles:
    return scan_folders(aviary.images, aviary.audio)


@pytest.fixture(scope="session")
def media(aviary_folders, yamnet, tmp_path_factory) -> PreparedMedia:
    store = FeatureStore(tmp_path_factory.mktemp("features"))
    return prepare_media(aviary_folders, yamnet, store=store, progress=False)


@pytest.fixture
def store(tmp_path: Path) -> FeatureStore:
    return FeatureStore(tmp_path / "features")


@pytest.fixture
def write_folders(tmp_path: Path) -> WriteFolders:
    """Real little photos and recordings, each of its own content, in images/ and audio/."""

    def write(*class_names: str, num_files: int = 2) -> tuple[Path, Path]:
        rng = np.random.default_rng(0)
        for name in class_names:
            for number in range(num_files):
                photo = rng.integers(0, 256, (24, 24, 3), np.uint8)
                save_image(_made(tmp_path / "images" / name) / f"{number}.png", photo)
                waveform = rng.normal(0, 0.1, 16_000).astype(np.float32)
                save_waveform(_made(tmp_path / "audio" / name) / f"{number}.wav", waveform, 16_000)
        return tmp_path / "images", tmp_path / "audio"

    return write


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
