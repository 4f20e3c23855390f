"""What the pool's tests let workers do: good, slow, broken and deadly.

What is slow to import is imported where it is used: each worker that dies in a test is replaced.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Sound:
    seconds: float


class OwnError(Exception):
    """Cannot be pickled: it wants two arguments and passes on one."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} {second}")


def count(upto: int) -> Iterator[int]:
    yield from range(upto)


def blocks(num_and_size: tuple[int, int]) -> Iterator["np.ndarray"]:
    """That many arrays of so many bytes, each filled with its position."""
    import numpy as np

    num, size = num_and_size
    for position in range(num):
        yield np.full(size, position, np.uint8)


def counted_blocks(file: str, num: int = 50, num_bytes: int = 1000) -> Iterator[bytes]:
    """Makes a file longer by one byte for each that it makes."""
    for _ in range(num):
        with Path(file).open("ab") as made:
            made.write(b".")
        yield bytes(num_bytes)


def act(acts: tuple) -> Iterator[object]:
    """What the task says, step by step."""
    for name, *arguments in acts:
        if name == "say":
            yield arguments[0]
        elif name == "sound":
            time.sleep(arguments[0])
            yield Sound(arguments[1])
        elif name == "sleep":
            time.sleep(arguments[0])
        else:
            _break(name, *arguments)


def _break(name: str, *arguments) -> None:
    if name == "raise":
        raise arguments[0]
    if name == "raise own":
        raise OwnError("cannot", "travel")
    if name == "segfault":
        os.kill(os.getpid(), signal.SIGSEGV)
    if name == "exit":
        os._exit(arguments[0])
    if name == "segfault once":
        marker = Path(arguments[0])
        if not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGSEGV)


def unreadable(path: str) -> Iterator[int]:
    from media.errors import UnreadableMediaError

    yield 1
    raise UnreadableMediaError(path, "it is a poem")


def unsendable(task: int) -> Iterator[object]:
    yield 1
    yield lambda: task


def tell_process(seconds: float) -> Iterator[int]:
    yield os.getpid()
    time.sleep(seconds)
    yield os.getpid()


def tell_modules(task: str) -> Iterator[bool]:
    yield task in sys.modules
