"""What the parent and a worker say to each other over a socket, frame by frame."""

import socket
import struct
from enum import IntEnum
from multiprocessing.reduction import ForkingPickler
from typing import Any, NamedTuple

_LAYOUT = struct.Struct("!BQQdQ")
_JOINED_BYTES = 1 << 16
"""Up to this size header and payload are one write; above, copying them together costs more."""


class Kind(IntEnum):
    """The first three are the parent's, the others a worker's."""

    WORK = 0
    TASK = 1
    FORGET = 2  # no message of this task is wanted any more
    READY = 3
    BEGIN = 4
    MESSAGE = 5
    REPEATED = 6  # a message that the parent has from an earlier worker, without its payload
    END = 7
    FAILED = 8


class Header(NamedTuple):
    """The beginning of each frame.

    Attributes:
        kind: Kind.
        number: int, of the task.
        num_known: int, with a TASK: how many of its first messages the parent has already.
        seconds: float, with a message: how much sound or film it carries.
        num_bytes: int, length of the payload that follows.
    """

    kind: Kind
    number: int
    num_known: int
    seconds: float
    num_bytes: int


def pack(value: Any) -> memoryview:  # Any: whatever multiprocessing can send
    """A value as bytes, for another process of this program and nobody else."""
    return ForkingPickler.dumps(value, 5)


def unpack(payload: bytes | bytearray | memoryview) -> Any:  # Any: as `pack`
    """The value that `pack` was given; never for bytes that come from a file or a stranger."""
    return ForkingPickler.loads(payload)


def send_frame(
    connection: socket.socket,
    kind: Kind,
    payload: bytes | memoryview = b"",
    *,
    number: int = 0,
    num_known: int = 0,
    seconds: float = 0.0,
) -> None:
    """Write one frame; blocks while the other side does not read.

    Raises:
        OSError: the other side is gone.
    """
    header = _LAYOUT.pack(kind, number, num_known, seconds, len(payload))
    if len(payload) <= _JOINED_BYTES:
        connection.sendall(header + bytes(payload))
    else:
        connection.sendall(header)
        connection.sendall(payload)


def receive_header(connection: socket.socket) -> Header:
    """Wait for a frame and read its header.

    Raises:
        EOFError: the other side is gone.
        TimeoutError: the socket's timeout passed.
    """
    kind, *others = _LAYOUT.unpack(receive_bytes(connection, _LAYOUT.size))
    return Header(Kind(kind), *others)


def receive_bytes(connection: socket.socket, num_bytes: int) -> bytearray:
    """Read this many bytes and no more.

    Raises:
        EOFError, TimeoutError: as `receive_header`.
    """
    payload = bytearray(num_bytes)
    unfilled = memoryview(payload)
    while unfilled:
        num_read = connection.recv_into(unfilled)
        if num_read == 0:
            raise EOFError
        unfilled = unfilled[num_read:]
    return payload
