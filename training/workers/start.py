"""Several worker processes on one machine that train one encoder: started, watched and ended together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import IO

from training.workers.cluster import CLUSTER_VARIABLE, cluster_config, is_worker

POLL_SECONDS = 0.1
GRACE_SECONDS = 3.0  # for the others to end by themselves, or to say what befell them
LAST_SECONDS = 2.0  # between SIGTERM and SIGKILL
NUM_LINES_SHOWN = 40


def start_workers(num_workers: int, command: Sequence[str]) -> int:
    """Runs a command in several processes of this machine that form a cluster, and waits for its end.

    The first, the chief, shows what it prints. If another one fails, its last lines are shown and all
    are ended; so they are when the chief has ended, or on Ctrl-C. On a CPU they share the cores. They
    also share GPUs, which TensorFlow does not do well: for several GPUs in one machine pass
    `train_encoder` a `tf.distribute.MirroredStrategy` instead.

    Args:
        num_workers: int >= 2.
        command: the program and its arguments, such as `[sys.executable, "train.py"]`. It calls
            `cluster_strategy`. A worker other than the chief that returns a code other than 0 has failed.

    Returns:
        The chief's exit code; that of the worker which failed, if one did. 128 + n where signal n ended it.

    Raises:
        ValueError: fewer than two workers, or this process is a worker itself.
    """
    if num_workers < 2:
        raise ValueError(f"Expected num_workers >= 2, received {num_workers}.")
    if is_worker():
        raise ValueError(
            f"This process is a worker already ({CLUSTER_VARIABLE} is set). Unset it to start workers."
        )
    addresses = _free_addresses(num_workers)
    with ExitStack() as stack:
        stack.enter_context(_ended_like_interrupted())
        outputs: list[IO[bytes] | None] = [None]
        outputs += [stack.enter_context(tempfile.TemporaryFile()) for _ in addresses[1:]]
        workers: list[subprocess.Popen] = []
        stack.callback(_end, workers)
        for index, output in enumerate(outputs):
            workers.append(_start(command, _environment(addresses, index), output))
        return _wait(workers, outputs)


def _free_addresses(number: int) -> list[str]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]


def _environment(addresses: list[str], index: int) -> dict[str, str]:
    threads = max(1, (os.cpu_count() or 1) // len(addresses))
    return {
        "TF_NUM_INTRAOP_THREADS": str(threads),  # else each worker has a thread for every core
        "no_grpc_proxy": "127.0.0.1",  # else they look for each other through a proxy, for ever
        **os.environ,
        CLUSTER_VARIABLE: cluster_config(addresses, index),
    }


@contextmanager
def _ended_like_interrupted() -> Iterator[None]:
    """Within it, SIGTERM raises as Ctrl-C does, so that the workers do not outlive this process."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python handles signals in the main thread only
        return
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _start(
    command: Sequence[str], environment: dict[str, str], output: IO[bytes] | None
) -> subprocess.Popen:
    """A process with its own session, so that Ctrl-C reaches it through us alone."""
    return subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=None if output is None else subprocess.STDOUT,
        start_new_session=True,
    )


def _end(workers: Sequence[subprocess.Popen]) -> None:
    """Ends those that still run; TensorFlow takes note of SIGTERM and goes on, so not for long."""
    for worker in workers:
        worker.terminate()
    _wait_for_all(workers, LAST_SECONDS)
    for worker in workers:
        worker.kill()
        worker.wait()


def _wait_for_all(workers: Sequence[subprocess.Popen], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while any(worker.poll() is None for worker in workers) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)


def _wait(workers: list[subprocess.Popen], outputs: list[IO[bytes] | None]) -> int:
    """Waits until the chief has ended or another one has failed; shows why."""
    chief, *others = workers
    while chief.poll() is None and not any(worker.poll() for worker in others):
        time.sleep(POLL_SECONDS)
    code = next((worker.returncode for worker in others if worker.returncode), chief.returncode)
    _wait_for_all(workers, GRACE_SECONDS)
    if code:
        _show_failures([worker.returncode for worker in workers], outputs)
    return code if code >= 0 else 128 - code


def _show_failures(codes: list[int | None], outputs: list[IO[bytes] | None]) -> None:
    """The last lines of those that failed by themselves; the chief's have been shown."""
    for index, (code, output) in enumerate(zip(codes, outputs, strict=True)):
        if code and output is not None:
            output.seek(0)
            lines = output.read().decode(errors="replace").splitlines()[-NUM_LINES_SHOWN:]
            how = f"with exit code {code}" if code > 0 else f"by signal {-code}"
            shown = "\n".join(lines) or "(it printed nothing)"
            sys.stderr.write(f"Worker {index} ended {how}; its last lines:\n{shown}\n")
    sys.stderr.flush()
