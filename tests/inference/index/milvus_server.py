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
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from inference.index import EmbeddingIndex
from inference.index.milvus.address import parse_address
from inference.index.milvus.connection import Connection
from inference.index.milvus.ledger import Ledger
from inference.index.milvus.state import new_state

ROOT = Path(__file__).resolve().parents[3]
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
def shared_server(folder: Path) -> Iterator[str]:
    """The address of the one server of this machine: two would want the same port for etcd.

    Whoever comes first starts it in this folder, and kills it when the last one has done with it.
    """
    shared = Path(tempfile.gettempdir()) / f"fused-encoder-milvus-{os.getuid()}"
    shared.mkdir(exist_ok=True)
    note = shared / "address"
    with (shared / "start").open("w") as start, (shared / "users").open("w") as users:
        fcntl.flock(start, fcntl.LOCK_EX)
        is_there = note.is_file() and answers(note.read_text("utf-8"))
        with nullcontext() if is_there else running_server(folder) as address:
            if address is not None:
                note.write_text(address, "utf-8")
            fcntl.flock(users, fcntl.LOCK_SH)
            fcntl.flock(start, fcntl.LOCK_UN)
            try:
                yield note.read_text("utf-8")
            finally:
                fcntl.flock(users, fcntl.LOCK_UN)
                if address is not None:
                    fcntl.flock(start, fcntl.LOCK_EX)  # no more come
                    fcntl.flock(users, fcntl.LOCK_EX)  # all are gone
                    note.unlink()


@contextmanager
def running_server(folder: Path) -> Iterator[str]:
    """A server with its data in this folder; its address, once it answers."""
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
        yield _when_it_answers(server, folder)
    finally:
        os.killpg(server.pid, signal.SIGKILL)  # with the server proper, which is its child
        server.wait()


def answers(address: str) -> bool:
    """Whether a server answers there."""
    try:
        EmbeddingIndex.open(f"{address}/is_it_there").close()
    except OSError:
        return False
    return True


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
            if address and answers(address):
                return address
        time.sleep(0.2)
    raise RuntimeError(f"The Milvus server did not start; see {folder / 'logs'}.")
