"""Reading ahead: threads work on the next files while this one is put to use."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_MOST_THREADS = 8


def num_threads() -> int:
    """How many files are worked on at once: one per core, within [2, 8]; more only wait for cores."""
    return min(max(os.cpu_count() or 1, 2), _MOST_THREADS)


def read_ahead(
    function: Callable[[Item], Result], items: Iterable[Item], *, num_ahead: int
) -> Generator[Result, None, None]:
    """The results of a function of some items, in their order, computed by threads ahead of their use.

    No more than `num_ahead` results ever wait, so memory does not grow with the number of items. When
    the generator is closed (see `contextlib.closing`), or an error or an interrupt ends it, it waits
    for what is being worked on, and begins nothing more.

    Args:
        function: safe to call from several threads. What it raises ends the generator.
        items: what it is called with.
        num_ahead: int >= 1, how many items are begun before their result is asked for.
    """
    waiting: deque[Future[Result]] = deque()
    pool = ThreadPoolExecutor(num_threads())
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) > num_ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)
