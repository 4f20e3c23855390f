"""The pool as its user sees it: tasks go in, streams of messages come out, in order."""

import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pickle import PicklingError
from types import TracebackType
from typing import Generic, TypeVar

from archives.pool.backlog import Backlog
from archives.pool.frames import pack
from archives.pool.in_parent import run_in_parent
from archives.pool.keeper import WorkerKeeper
from archives.pool.run import run_tasks

Task = TypeVar("Task")
Message = TypeVar("Message")

_CLOSE_SECONDS = 2.0


class WorkerPool(Generic[Task, Message]):
    """Processes that do tasks which may hang, or take their process with them.

    For decoders, which a damaged file can crash: each runs in a worker, a fresh Python process
    that imports the work function's module and nothing else of the program (no TensorFlow). The
    workers decode ahead of the caller, within bounds, and what they say arrives in order.
    `Backlog` has the argument why nobody waits forever.

    A worker that dies is replaced, and the task it was at is tried once more, from its beginning:
    work must say the same again, as the messages that came already are not given twice. A second
    death, a time limit exceeded or an exception of the work ends this task alone.

    Args:
        work: function at the top level of a module (or a `functools.partial` of one) that takes a
            task and yields messages. Both are whatever `multiprocessing` can send. A message's
            attribute `seconds`, if it has one, says how much sound or film it carries.
        num_workers: int >= 0. 0 works in this process, one task at a time, without protection
            against crashes and hangs: for debugging and tiny jobs. Default 2.
        time_limit_seconds: float > 0. A task is stopped when it is silent for this long, or when
            all its silences together last this much longer than what its messages carry. Waiting
            in line, and waiting for the caller, do not count. Default 60.
        bytes_ahead: int >= 0. Messages of this size together may wait for the caller (or one
            message alone, if it is larger). Default 64 MiB.
        tasks_ahead: int >= 1. How many tasks are taken in beside the one that is read. Default 64.
    Raises:
        ValueError: an option is out of its range, or work stands in the program that was started.
        TypeError: work cannot be sent to another process.
    Example:
        >>> with WorkerPool(decode, num_workers=2) as pool:
        ...     for path, blocks in pool.run(paths):
        ...         try:
        ...             for block in blocks:
        ...                 embed(block)
        ...         except TaskNotDone as reason:
        ...             note(path, reason)
    """

    def __init__(
        self,
        work: Callable[[Task], Iterator[Message]],
        *,
        num_workers: int = 2,
        time_limit_seconds: float = 60.0,
        bytes_ahead: int = 64 << 20,
        tasks_ahead: int = 64,
    ) -> None:
        _check_at_least(0, num_workers=num_workers, bytes_ahead=bytes_ahead)
        _check_at_least(1, tasks_ahead=tasks_ahead)
        if not time_limit_seconds > 0:
            raise ValueError(f"Expected time_limit_seconds > 0, received {time_limit_seconds}.")
        self._work = work
        self._is_closed = False
        self._backlog = Backlog(bytes_ahead, tasks_ahead, num_workers)
        packed = _pack_work(work) if num_workers else b""
        self._keepers = [
            WorkerKeeper(packed, self._backlog, inbox, time_limit_seconds)
            for inbox in self._backlog.inboxes
        ]
        for keeper in self._keepers:
            keeper.start()

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Iterator[Message]]]:
        """Do tasks, in order; may be called again when the iterator of the last call has ended.

        Args:
            tasks: may be lazy and endless. Taken from in the caller's thread, while it is in here;
                what it raises comes out at once.
        Yields:
            task: as it was given.
            messages: iterator over what the work yields, which ends with a `TaskNotDone` if the
                task did not come to its end. Read it before the next task is asked for: what is
                not read by then is thrown away, and its worker told to stop.
        Raises:
            RuntimeError: no worker can be started; the pool is closed; two runs at once.
        """
        if self._is_closed:
            raise RuntimeError("The pool is closed; make a new one.")
        if not self._keepers:
            return run_in_parent(self._work, tasks)
        return run_tasks(self._backlog, tasks)

    def close(self) -> None:
        """Kill the workers, with the programs they started, and wait (2 seconds at most) for that.

        A second call does nothing. Without it, workers end when this process ends, however it does.
        """
        self._is_closed = True
        self._backlog.close()
        for keeper in self._keepers:
            keeper.kill()
        deadline = time.monotonic() + _CLOSE_SECONDS
        for keeper in self._keepers:
            keeper.join(max(0.0, deadline - time.monotonic()))

    def __enter__(self) -> "WorkerPool[Task, Message]":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        self.close()


def _check_at_least(least: int, **options: int) -> None:
    for name, value in options.items():
        if value < least:
            raise ValueError(f"Expected {name} >= {least}, received {value}.")


def _pack_work(work: Callable) -> bytes:
    function = work
    while isinstance(function, partial):
        function = function.func
    if getattr(function, "__module__", None) == "__main__":
        raise ValueError(
            f"{function} stands in the program that was started, which a worker cannot import."
            " Move it into a module of its own, or set num_workers=0."
        )
    try:
        return bytes(pack(work))
    except (PicklingError, AttributeError, TypeError) as error:
        raise TypeError(
            f"{work} cannot be sent to a worker process ({error}). Expected a function at the top"
            " level of a module, or a functools.partial of one; or set num_workers=0."
        ) from error
