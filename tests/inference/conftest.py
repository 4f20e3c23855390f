"""Fixtures of the inference tests: a tiny aviary, an encoder from random weights, and its export."""

import os
import runpy
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import keras
import pytest

from app.aviary import Aviary, write_aviary
from fused_encoder import LogMelFeatures, create_fused_encoder
from inference import Embedder, export_saved_model

milvus = runpy.run_path(str(Path(__file__).with_name("milvus_server.py")))
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


@pytest.fixture(scope="session")
def milvus_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a real server of our own, where its program is."""
    program = milvus["program"]()
    if not program.is_file():
        pytest.skip(
            f"{program} is not there; `make .venv-milvus/installed`, or set FUSED_ENCODER_MILVUS_SERVER"
        )
    pytest.importorskip("pymilvus")
    with milvus["shared_server"](tmp_path_factory.mktemp("milvus")) as address:
        yield address


@pytest.fixture(params=["lite", pytest.param("server", marks=pytest.mark.milvus)])
def milvus_uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty index on Milvus Lite, and of one on a server."""
    return milvus_address(request, tmp_path, request.param)


def milvus_address(request: pytest.FixtureRequest, tmp_path: Path, where: str) -> str:
    if where == "lite":
        pytest.importorskip("milvus_lite")
        shutil.rmtree(tmp_path / "birds.db", ignore_errors=True)
        return f"milvus:{tmp_path / 'birds.db'}"
    uri = f"{request.getfixturevalue('milvus_server')}/birds_{os.getpid()}"
    milvus["forget_all"](uri)
    return uri


@pytest.fixture
def address_of(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], str]:
    """The address of an empty index: "lite" or "server"."""
    return partial(milvus_address, request, tmp_path)
