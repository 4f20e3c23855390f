"""Addresses of empty indexes on Milvus: on Milvus Lite, and on a server that is started for the tests."""

import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
OWN_PROGRAM = ROOT / ".venv-milvus" / "bin" / "milvus-server"  # of the PyPI package `milvus`
PROGRAM = Path(os.environ.get("FUSED_ENCODER_MILVUS_SERVER", OWN_PROGRAM))
SECONDS_TO_START = 120
# The server looks for what is new every 20 ms instead of 200: reading what was just written is quick.
COORDINATOR = [f"queryCoord.{name}Interval=50" for name in ("check", "distPull")]
QUICK = ["proxy.timeTickInterval=20", *COORDINATOR]


@pytest.fixture(scope="session")
def milvus_server(tmp_path_factory):
    """The address of a real server of our own, where its program is."""
    if not PROGRAM.is_file():
        pytest.skip(f"{PROGRAM} is not there; `make .venv-milvus/installed`")
    folder = tmp_path_factory.mktemp("milvus")
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        port = some.getsockname()[1]
    options = [word for setting in QUICK for word in ("--extra-config", setting)]
    server = subprocess.Popen(
        [PROGRAM, "--data", folder, "--proxy-port", str(port), *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield _when_it_answers(server, folder)
    finally:
        os.killpg(server.pid, signal.SIGKILL)  # with the server proper, which is its child
        server.wait()


def _when_it_answers(server: subprocess.Popen, folder: Path) -> str:
    from pymilvus import MilvusClient, MilvusException

    config, deadline = folder / "configs" / "milvus.yaml", time.monotonic() + SECONDS_TO_START
    while server.poll() is None and time.monotonic() < deadline:
        time.sleep(0.2)
        text = config.read_text("utf-8") if config.is_file() else ""
        if port := re.search(r"^proxy:.*?^  port: (\d+)", text, re.MULTILINE | re.DOTALL):
            try:
                MilvusClient(f"http://127.0.0.1:{port[1]}", timeout=5).list_collections()
            except MilvusException:
                continue
            return f"http://127.0.0.1:{port[1]}"
    raise RuntimeError(f"The Milvus server did not start; see {folder / 'logs'}.")


@pytest.fixture
def address_of(request, tmp_path):
    """The address of an empty index: "lite" or "server"."""
    manager = pytest.importorskip("milvus_lite.server_manager").server_manager_instance
    folder = tmp_path / "birds.db"

    def address(where: str) -> str:
        if where == "lite":
            manager.release_server(str(folder))
            shutil.rmtree(folder, ignore_errors=True)
            return f"milvus:{folder}"
        from pymilvus import MilvusClient

        server = request.getfixturevalue("milvus_server")
        MilvusClient(server).drop_collection("birds")
        return f"{server}/birds"

    yield address
    manager.release_server(str(folder))


@pytest.fixture(params=["lite", pytest.param("server", marks=pytest.mark.milvus)])
def milvus_uri(request, address_of):
    """The address of an empty index on Milvus Lite, and of one on a server."""
    return address_of(request.param)
