"""Decoding processes that stay: each takes one task at a time, and is replaced where a file kills it."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from archives.workers import Ended, Workers
from media import UnreadableMediaError


class Decoders:
    """A few worker processes for tasks that come one by one.

    Args:
        work: function at the top level of a module, as `Workers` takes it; a task has a `path`.
        num_workers: int >= 1.
        time_limit_seconds: float > 0, after which a task that gives nothing is ended.
    """

    def __init__(
        self,
        work: Callable[[Any], Iterator[Any]],
        *,
        num_workers: int,
        time_limit_seconds: float,
    ) -> None:
        self._free: queue.SimpleQueue[Workers[Any, Any]] = queue.SimpleQueue()
        self._all = [
            Workers(work, num_workers=1, time_limit_seconds=time_limit_seconds)
            for _ in range(num_workers)
        ]
        for workers in self._all:
            self._free.put(workers)
        self._threads = ThreadPoolExecutor(num_workers, thread_name_prefix="decode")

    async def messages(self, task: Any) -> list[Any]:
        """All that a task gives; waits off the event loop until a process is free.

        Raises:
            UnreadableMediaError: the file cannot be used, or killed its decoder twice.
        """
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._do, task)

    async def one(self, task: Any) -> Any:
        """The single message of a task; raises as `messages`."""
        (message,) = await self.messages(task)
        return message

    def close(self) -> None:
        """Ends the processes."""
        for workers in self._all:
            workers.close()
        self._threads.shutdown(cancel_futures=True)

    def _do(self, task: Any) -> list[Any]:
        workers = self._free.get()
        try:
            messages = [message for _, message in workers.run([task])]
        finally:
            self._free.put(workers)
        ended = messages.pop() if messages else Ended(crash="was ended with the service")
        if ended.crash:
            raise UnreadableMediaError(
                task.path, f"it cannot be decoded: its decoder {ended.crash}."
            )
        if ended.refusal:
            raise ended.refusal
        return messages
