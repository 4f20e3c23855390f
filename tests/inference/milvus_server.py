"""A Milvus server of one's own for tests: on free ports, with a temporary folder, and killed at the end."""

import fcntl
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from inference.index import EmbeddingIndex
from inference.index.milvus.address import parse_address
from inference.index.milvus.connection import Connection
from inference.index.milvus.ledger import Ledger
from inference.index.milvus.state import new_state

ROOT = Path(__file__).resolve().parents[2]
SECONDS_TO_START = 120
# The server looks for what is new every 20 ms instead of 200, so that reading what was just written is quick.
QUICK = {
    "proxy.timeTickInterval": 20,
    "queryCoord.checkInterval": 50,
    "queryCoord.distPullInterval": 50,
}


def program() -> Path:
    """The server's program, of the PyPI package `milvus`, in an environment of its own."""
    own = ROOT / ".venv-milvus" / "bin" / "milvus-server"
    return Path(os.environ.get("FUSED_ENCODER_MILVUS_SERVER", own))


@contextmanager
def running_server(folder: Path) -> Iterator[str]:
    """Its address, once it answers."""
    with (Path(tempfile.gettempdir()) / "fused-encoder-milvus.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two that start at once would choose the same ports
        server = subprocess.Popen(
            [
                program(),
                *("--data", folder, "--proxy-port", str(_free_port())),
                *(
                    word
                    for name, value in QUICK.items()
                    for word in ("--extra-config", f"{name}={value}")
                ),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            address = _when_it_answers(server, folder)
            fcntl.flock(lock, fcntl.LOCK_UN)
            yield address
        finally:
            os.killpg(server.pid, signal.SIGKILL)  # with the server proper, which is its child
            server.wait()


def forget_all(address: str) -> None:
    """Make an empty index of what is there, sooner than a new one is made."""
    EmbeddingIndex.open(address).close()
    connection = Connection(parse_address(address))
    ledger = Ledger(connection, address)
    with ledger.turn() as turn:
        state = turn.state
        if state.table_size is not None:
            connection.client.delete(connection.address.collection, filter="version >= 0")
        turn.commit(
            replace(
                new_state(),
                version=state.next_version,
                table_size=state.table_size,
            )
        )
    connection.close()


def _free_port() -> int:
    with socket.socket() as some:
        some.bind(("127.0.0.1", 0))
        return int(some.getsockname()[1])


def _when_it_answers(server: subprocess.Popen, folder: Path) -> str:
    deadline = time.monotonic() + SECONDS_TO_START
    while server.poll() is None and time.monotonic() < deadline:
        config = folder / "configs" / "milvus.yaml"
        if config.is_file():
            text = config.read_text("utf-8")
            port = re.search(r"^proxy:.*?^  port: (\d+)", text, re.MULTILINE | re.DOTALL)
            address = f"http://127.0.0.1:{port[1]}" if port else ""
            try:
                EmbeddingIndex.open(f"{address}/is_it_there").close()
                return address
            except OSError:
                pass
        time.sleep(0.2)
    raise RuntimeError(f"The Milvus server did not start; see {folder / 'logs'}.")
