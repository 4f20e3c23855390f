"""One worker process as the parent holds it: start, orders, frames, end."""

import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from archives.pool.frames import (
    Header,
    Kind,
    receive_bytes,
    receive_header,
    send_frame,
)

_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[3:]; from archives.pool.worker import main;"
    " main(int(sys.argv[1]), int(sys.argv[2]))"
)
_DYING_SECONDS = 1.0
"""A killed process is gone at once, unless it hangs in the kernel (a dead network drive)."""


class WorkerProcess:
    """A Python process of its own, which shares nothing with the parent but two sockets.

    It is started as a program, not through `multiprocessing`: so the parent's `__main__` is not
    run again (a console script, a notebook and `python -c` are parents like any other), a daemonic
    process may start it, and it begins without TensorFlow. It is a process group too: Ctrl-C at
    the terminal does not reach it, and killing it takes along what it has started. What it prints
    goes to the parent's stderr.

    Args:
        work: the packed work function.
    Raises:
        OSError: the system does not start another process.
    """

    def __init__(self, work: bytes) -> None:
        self._orders, orders = socket.socketpair()
        self._messages, messages = socket.socketpair()
        with orders, messages:
            fds = (orders.fileno(), messages.fileno())
            arguments = [*map(str, fds), *(str(Path(folder).absolute()) for folder in sys.path)]
            try:
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-c", _PROGRAM, *arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=2,
                    pass_fds=fds,
                    process_group=0,
                )
            except OSError:
                self._close_sockets()
                raise
        with suppress(OSError):  # if it is dead already, the first frame will tell
            send_frame(self._orders, Kind.WORK, work)

    def send(self, kind: Kind, number: int, payload: bytes = b"", num_known: int = 0) -> None:
        """Give an order.

        Raises:
            OSError: the worker is dead.
        """
        send_frame(self._orders, kind, payload, number=number, num_known=num_known)

    def receive(self, timeout_seconds: float | None) -> Header:
        """Wait for what the worker says next; its payload, if any, is to be read by `read`.

        Raises:
            EOFError, OSError: the worker is dead.
            TimeoutError: it did not say anything in this time.
        """
        self._messages.settimeout(timeout_seconds)
        return receive_header(self._messages)

    def read(self, num_bytes: int, timeout_seconds: float) -> bytearray:
        """The payload of the header that came last.

        Raises:
            EOFError, OSError, TimeoutError: as `receive`.
        """
        self._messages.settimeout(timeout_seconds)
        return receive_bytes(self._messages, num_bytes)

    def hang_up(self) -> None:
        """Give no more orders; a thread that is at it comes back with an OSError."""
        with suppress(OSError):
            self._orders.shutdown(socket.SHUT_RDWR)

    def kill(self) -> None:
        """End it now, whatever it is at. A second call does nothing."""
        if self._process.poll() is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_DYING_SECONDS)

    def bury(self) -> str:
        """Give back what it held, and how it ended: "died of SIGSEGV"."""
        with suppress(subprocess.TimeoutExpired):  # its sockets close a moment before its end
            self._process.wait(_DYING_SECONDS)
        self.kill()
        self._close_sockets()
        return _how_it_ended(self._process.returncode)

    def _close_sockets(self) -> None:
        self._orders.close()
        self._messages.close()


def _how_it_ended(code: int | None) -> str:
    if code is None:
        return "hangs and cannot be killed"
    if code >= 0:
        return f"ended with exit code {code}"
    names = {each.value: each.name for each in signal.Signals}
    return f"died of {names.get(-code, f'signal {-code}')}"
