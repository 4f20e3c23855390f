"""What the tests let workers do: good, slow, broken and deadly."""

import importlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from media import UnreadableMediaError


def act(acts: tuple) -> Iterator[object]:
    """What the task says, step by step."""
    for name, *arguments in acts:
        if name == "say":
            yield arguments[0]
        elif name == "say process":
            yield os.getpid()
        elif name == "import":
            importlib.import_module(arguments[0])
        elif name == "say whether imported":
            yield arguments[0] in sys.modules
        elif name == "sleep":
            time.sleep(arguments[0])
        elif name == "refuse":
            raise UnreadableMediaError("bad.wav", "it is a poem")
        elif name == "raise":
            raise ValueError("a fault of ours")
        elif name == "exit":
            os._exit(arguments[0])
        elif name == "segfault" or (name == "segfault once" and _is_first(arguments[0])):
            os.kill(os.getpid(), signal.SIGSEGV)


def count_blocks(file: str) -> Iterator[bytes]:
    """Blocks without end; makes a file longer by one byte for each."""
    while True:
        with Path(file).open("ab") as made:
            made.write(b".")
        yield bytes(100_000)


def _is_first(marker: str) -> bool:
    is_first = not Path(marker).exists()
    Path(marker).touch()
    return is_first
