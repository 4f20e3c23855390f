"""Fixtures of the index's tests: a Milvus server of our own, and addresses on it."""

import os
import runpy
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

milvus = runpy.run_path(str(Path(__file__).with_name("milvus_server.py")))


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
