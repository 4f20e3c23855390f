"""Warnings of a command, on standard error: each once, and of many alike only the first few."""

from __future__ import annotations

import logging
import os
from collections import Counter

MOST_ALIKE = 3


class FewOfEachKind(logging.Filter):
    """Lets each warning through once; of those that say the same of one file after another the first three.

    Skipped inputs are left out: a command lists them at its end.
    """

    def __init__(self) -> None:
        super().__init__()
        self._seen: set[str] = set()
        self._num_alike: Counter[str] = Counter()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is shown."""
        message = record.getMessage()
        if message.startswith("Skipped ") or message in self._seen:
            return False
        self._seen.add(message)
        if not record.args or len(record.args) > 1:
            return True
        self._num_alike[record.msg] += 1
        return self._num_alike[record.msg] <= MOST_ALIKE

    def left_out(self) -> list[str]:
        """What was not shown, a line for each kind."""
        return [
            f"{number - MOST_ALIKE} more like it: {kind % '...'}"
            for kind, number in self._num_alike.items()
            if number > MOST_ALIKE
        ]


def set_up_logs() -> FewOfEachKind:
    """Sends warnings to standard error; gives the filter that they pass."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    handler, few = logging.StreamHandler(), FewOfEachKind()
    handler.addFilter(few)
    logging.basicConfig(
        format="%(levelname)s: %(message)s", level=logging.WARNING, handlers=[handler]
    )
    return few
