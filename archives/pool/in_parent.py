"""The same interface without processes: one task after the other, where the caller is."""

import traceback
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from archives.pool.errors import TaskFailed

Task = TypeVar("Task")
Message = TypeVar("Message")


def run_in_parent(
    work: Callable[[Task], Iterator[Message]], tasks: Iterable[Task]
) -> Iterator[tuple[Task, Iterator[Message]]]:
    """As `WorkerPool.run`, but a crash or a hang is the caller's own."""
    for task in tasks:
        yield task, _messages(work, task)


def _messages(work: Callable[[Task], Iterator[Message]], task: Task) -> Iterator[Message]:
    try:
        yield from work(task)
    except Exception as error:
        where = "".join(traceback.format_exception(error))
        raise TaskFailed(type(error).__name__, str(error), error, where) from error
