"""The worker's side: do one task after another, and leave when the parent is gone."""

import os
import queue
import resource
import signal
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, NamedTuple, NoReturn

from archives.pool.errors import TaskFailed
from archives.pool.frames import (
    Header,
    Kind,
    pack,
    receive_bytes,
    receive_header,
    send_frame,
    unpack,
)

Work = Callable[[Any], Iterator[Any]]  # Any: tasks and messages are the caller's


class _Order(NamedTuple):
    header: Header
    payload: bytearray


class _Orders:
    """What the parent wants, read by a thread of its own.

    So the parent never waits to be heard, and its end is noticed in the middle of a task: then
    this process ends at once, as nobody is left to tell.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._waiting: queue.SimpleQueue[_Order] = queue.SimpleQueue()
        self._forgotten: set[int] = set()
        threading.Thread(target=self._listen, daemon=True).start()

    def next(self) -> _Order:
        return self._waiting.get()

    def is_forgotten(self, number: int) -> bool:
        return number in self._forgotten

    def _listen(self) -> NoReturn:
        with suppress(EOFError, OSError):
            while True:
                header = receive_header(self._connection)
                payload = receive_bytes(self._connection, header.num_bytes)
                if header.kind is Kind.FORGET:
                    self._forgotten.add(header.number)
                else:
                    self._waiting.put(_Order(header, payload))
        os._exit(0)


class _Teller:
    """Tells the parent; around a step, tells how it ended.

    Whatever exception the step raises becomes the parent's to judge, so none is lost here.
    """

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._end = Kind.END
        self.has_failed = False

    def tell(self, kind: Kind, payload: bytes | memoryview = b"", seconds: float = 0.0) -> None:
        try:
            send_frame(self._connection, kind, payload, seconds=seconds)
        except OSError:
            os._exit(0)  # the parent is gone

    def telling(self, end: Kind) -> "_Teller":
        self._end = end
        return self

    def __enter__(self) -> None:
        self.has_failed = False

    def __exit__(
        self, kind: object, error: BaseException | None, where: TracebackType | None
    ) -> bool:
        self.has_failed = isinstance(error, Exception)
        if isinstance(error, Exception):
            self.tell(Kind.FAILED, _packed_failure(error))
        elif error is None:
            self.tell(self._end)
        return self.has_failed


def _packed_failure(error: Exception) -> memoryview:
    """The exception with its words, or its words alone if it does not survive the journey."""
    words = (type(error).__name__, str(error))
    where = "".join(traceback.format_exception(error))
    with suppress(Exception):  # exceptions fail to travel in more ways than can be listed
        payload = pack(TaskFailed(*words, error, where))
        unpack(payload)
        return payload
    return pack(TaskFailed(*words, None, where))


def _do(work: Work, order: _Order, orders: _Orders, teller: _Teller) -> None:
    number, num_known = order.header.number, order.header.num_known
    if orders.is_forgotten(number):
        return
    for position, message in enumerate(work(unpack(order.payload))):
        if orders.is_forgotten(number):
            break
        seconds = float(getattr(message, "seconds", 0.0))
        if position < num_known:
            teller.tell(Kind.REPEATED, seconds=seconds)
        else:
            teller.tell(Kind.MESSAGE, pack(message), seconds)


def main(orders_fd: int, messages_fd: int) -> None:
    """Work until the parent closes its end.

    Args:
        orders_fd: int, an open socket that WORK, then TASKs are read from.
        messages_fd: int, an open socket that everything is told to.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to decide about
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    for inherited in (orders_fd, messages_fd):  # but not by programs that the work starts
        os.set_inheritable(inherited, False)
    orders = _Orders(socket.socket(fileno=orders_fd))
    teller = _Teller(socket.socket(fileno=messages_fd))
    with teller.telling(Kind.READY):
        work: Work = unpack(orders.next().payload)
    if teller.has_failed:
        os._exit(1)
    while True:
        order = orders.next()
        teller.tell(Kind.BEGIN)
        with teller.telling(Kind.END):
            _do(work, order, orders, teller)
