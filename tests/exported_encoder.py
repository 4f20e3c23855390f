"""Fixtures of several packages' tests: a tiny aviary, an encoder from random weights, and its export."""

from pathlib import Path

import keras
import pytest

from aviary import Aviary, write_aviary
from fused_encoder import LogMelFeatures, create_fused_encoder
from inference import Embedder, export_saved_model

THRESHOLDS = {"fused": 0.5, "image": 0.25, "audio": 0.75}


@pytest.fixture(scope="session")
def aviary(tmp_path_factory: pytest.TempPathFactory) -> Aviary:
    directory = tmp_path_factory.getbasetemp() / "tiny_aviary"
    return write_aviary(directory, size="tiny", shows_progress=False)


@pytest.fixture(scope="session")
def photos(aviary: Aviary) -> list[Path]:
    return sorted(aviary.images.rglob("*.jpg"))


@pytest.fixture(scope="session")
def recordings(aviary: Aviary) -> list[Path]:
    return sorted(aviary.audio.rglob("*.flac"))


@pytest.fixture(scope="session")
def yamnet() -> LogMelFeatures:
    return LogMelFeatures()


@pytest.fixture(scope="session")
def encoder() -> keras.Model:
    keras.utils.set_random_seed(0)
    return create_fused_encoder(image_backbone="small_cnn", image_weights=None, seed=0)


@pytest.fixture(scope="session")
def exported(
    encoder: keras.Model, yamnet: LogMelFeatures, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A SavedModel that hears 2 s at once (4 frames), in up to three windows."""
    return export_saved_model(
        encoder,
        yamnet,
        tmp_path_factory.mktemp("export") / "encoder",
        audio_seconds=2.0,
        max_windows=3,
        class_names=("wren", "Zaunkönig"),
        thresholds=THRESHOLDS,
    )


@pytest.fixture(scope="session")
def embedder(exported: Path) -> Embedder:
    return Embedder.load(exported)
