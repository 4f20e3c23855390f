"""Requests that wait together are done together, in a thread beside the event loop."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Generic, TypeVar

from app.web.busy import BusyError

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batches(Generic[Item, Result]):
    """Does items in batches: each is all that came while the last one was done.

    Args:
        do: takes items, gives for each its result or the error that is its own fault, in their order. Runs in
            a thread of its own, one batch at a time.
        batch_size: int >= 1, items at once.
        most_waiting: int >= 1; more are refused.
        observe: called with the size of each batch.
    """

    def __init__(
        self,
        do: Callable[[Sequence[Item]], Sequence[Result | Exception]],
        *,
        batch_size: int,
        most_waiting: int,
        observe: Callable[[float], None],
    ) -> None:
        self._do, self._batch_size, self._most = do, batch_size, most_waiting
        self._observe = observe
        self._waiting: deque[tuple[Item, asyncio.Future[Result]]] = deque()
        self._thread = ThreadPoolExecutor(1)
        self._worker: asyncio.Task[None] | None = None

    async def ask(self, item: Item) -> Result:
        """The result for one item.

        Raises:
            BusyError: too many wait.
        """
        if len(self._waiting) >= self._most:
            raise BusyError("Too many requests wait at the moment.")
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await future

    def close(self) -> None:
        """Waits for the batch that is in work."""
        self._thread.shutdown(cancel_futures=True)

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while batch := self._take():
            items, futures = zip(*batch, strict=True)
            self._observe(len(items))
            working = loop.run_in_executor(self._thread, self._do, items)
            results: Sequence[Result | BaseException] | BaseException
            (results,) = await asyncio.gather(working, return_exceptions=True)
            if isinstance(results, BaseException):
                results = [results] * len(items)
            for future, result in zip(futures, results, strict=True):
                if future.done():  # who asked has gone
                    continue
                if isinstance(result, BaseException):
                    future.set_exception(result)
                else:
                    future.set_result(result)

    def _take(self) -> list[tuple[Item, asyncio.Future[Result]]]:
        taken: list[tuple[Item, asyncio.Future[Result]]] = []
        while self._waiting and len(taken) < self._batch_size:
            item, future = self._waiting.popleft()
            if not future.done():
                taken.append((item, future))
        return taken
