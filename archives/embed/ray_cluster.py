"""The connection to a Ray cluster: found or started, kept quiet, and let go at the end."""

from __future__ import annotations

import importlib
import io
import logging
import os
import re
import signal
import socket
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from importlib.util import find_spec
from pathlib import Path
from typing import TextIO
from urllib.parse import urlsplit

OBJECT_STORE_BYTES = 100_000_000  # of a cluster of our own; only names and rows pass through it
MOST_CORES_PER_ACTOR = 8
"""Beyond these the network of one process gains little; further cores get an actor of their own."""

_OF_A_RAYLET = re.compile(r"(\x1b\[\d+m)?\(raylet")  # in colour, or not
_SECONDS_TO_ANSWER = 5.0
_QUIET = {"RAY_BACKEND_LOG_LEVEL": "fatal", "RAY_USAGE_STATS_ENABLED": "0"}


def check_ray_is_installed() -> None:
    """Looks, without importing it.

    Raises:
        ImportError: it is not.
    """
    if find_spec("ray") is None:
        raise ImportError(
            "--engine ray needs Ray Data, which is not installed: pip install 'fused-encoder[ray]', here "
            "and on the machines of the cluster."
        )


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Within it, this process is the driver of a cluster.

    A connection that the caller has already is used and stays. Otherwise one is made, and ended; a cluster
    that was started for it ends too.

    Args:
        address: "host:6379" of a cluster that this machine belongs to, "auto" for the one that runs here,
            "ray://host:10001" for one that it does not belong to; None starts one here.

    Raises:
        ConnectionError: there is no cluster at the address.
    """
    import ray  # an extra

    if ray.is_initialized():
        yield
        return
    with _environment(_QUIET), _kept_sigterm_handler(), _muted_stderr():
        _connect(address)
    try:
        yield
    finally:
        ray.shutdown()


def _connect(address: str | None) -> None:
    import ray

    if address is None:
        ray.init(
            "local",
            num_cpus=len(os.sched_getaffinity(0)),
            object_store_memory=OBJECT_STORE_BYTES,
            include_dashboard=False,
            logging_level=logging.ERROR,
            log_to_driver=False,
        )
        return
    try:
        _knock(address)
        ray.init(address, logging_level=logging.ERROR, log_to_driver=False)
    except (OSError, RuntimeError, ValueError) as error:
        raise ConnectionError(
            f"No Ray cluster can be reached at '{address}' ({error}). Expected host:6379 or auto on one of "
            "its machines, ray://host:10001 elsewhere; `ray status` on one of them tells whether it runs."
        ) from error


def _knock(address: str) -> None:
    """Whether somebody is there; Ray itself asks for minutes before it gives up."""
    if address == "auto":
        return
    place = urlsplit(address if "://" in address else f"//{address}")
    if place.hostname is None or place.port is None:
        raise ValueError("that names no host and port")
    with socket.create_connection((place.hostname, place.port), timeout=_SECONDS_TO_ANSWER):
        pass


@contextmanager
def quiet() -> Iterator[None]:
    """Within it, Ray Data keeps its reports for its own log files.

    What Ray says of processes that died goes to standard output, past every logger, from a thread of its
    own. That is left out; whatever else is written there is not touched.
    """
    importlib.import_module("ray.data")  # sets its logger up

    logger = logging.getLogger("ray.data")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with redirect_stdout(_WithoutRaylets(sys.stdout)):
            yield
    finally:
        logger.setLevel(level)


class _WithoutRaylets(io.TextIOBase):
    """A stream through which lines that begin with (raylet) do not come.

    Args:
        stream: where the others go.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._is_left_out = False

    def write(self, text: str) -> int:
        """`print` writes the end of a line by itself."""
        if not (self._is_left_out and text == "\n"):
            self._is_left_out = _OF_A_RAYLET.match(text) is not None
            if not self._is_left_out:
                self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """As of the stream."""
        self._stream.flush()


def cores_of_machines() -> list[int]:
    """How many cores each machine of the cluster has to give."""
    import ray

    found = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
    return [cores for cores in found if cores]


def share_cores(cores_of_machines: Sequence[int], num_actors: int | None) -> tuple[int, int]:
    """How many actors there are to be, and how many cores each uses.

    Args:
        cores_of_machines: of each machine; may be empty where machines are yet to come.
        num_actors: int > 0; None for as many as use all cores.

    Returns:
        int, actors; int, cores of each, at most `MOST_CORES_PER_ACTOR`.
    """
    if not cores_of_machines:
        return num_actors or 1, 1
    if num_actors is None:
        cores = min(MOST_CORES_PER_ACTOR, *cores_of_machines)
        return sum(machine // cores for machine in cores_of_machines), cores
    for cores in range(MOST_CORES_PER_ACTOR, 1, -1):
        if sum(machine // cores for machine in cores_of_machines) >= num_actors:
            return num_actors, cores
    return num_actors, 1


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """What is set already stays."""
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


@contextmanager
def _muted_stderr() -> Iterator[None]:
    """Ray's libraries write to it as they start, whatever the log level is."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


@contextmanager
def _kept_sigterm_handler() -> Iterator[None]:
    """Ray puts its own in place, which ends the process at once."""
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if handler is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, handler)
