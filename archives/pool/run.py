"""One walk over tasks: feeds the backlog while the caller reads from it."""

from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

from archives.pool.backlog import Backlog
from archives.pool.errors import TaskFailed, TaskNotDone
from archives.pool.frames import unpack
from archives.pool.stream import Stream

Task = TypeVar("Task")
Message = TypeVar("Message")


class _Source(Generic[Task]):
    """The caller's tasks, moved to the backlog one by one.

    Each step of the caller moves one more task, so that slow tasks (each found by a walk over
    folders, say) do not hold up messages that are there; while there are none, as many as have
    place.
    """

    def __init__(self, backlog: Backlog, tasks: Iterable[Task]) -> None:
        self._backlog, self._tasks = backlog, iter(tasks)
        self._is_at_end = False

    def move_one(self) -> bool:
        """Whether there was one, and place for it."""
        if self._is_at_end or not self._backlog.has_place:
            return False
        for task in self._tasks:
            self._backlog.add(task)
            return True
        self._is_at_end = True
        return False

    def move_while_waiting_for(self, stream: Stream) -> None:
        while self.move_one() and not self._backlog.is_ready(stream):
            pass


def run_tasks(backlog: Backlog, tasks: Iterable[Task]) -> Iterator[tuple[Task, Iterator[Message]]]:
    """Pairs of each task and its messages, in the order of the tasks; see `WorkerPool.run`."""
    if backlog.head is not None:
        raise RuntimeError(
            "Another run of this pool has not ended. Read it to its end or close its iterator."
        )
    source = _Source(backlog, tasks)
    try:
        while True:
            if backlog.head is None:
                source.move_one()
            stream = backlog.head
            if stream is None:
                return
            yield stream.task, _messages(backlog, source, stream)
            backlog.leave(stream)
    finally:
        backlog.leave_all()


def _messages(backlog: Backlog, source: _Source, stream: Stream) -> Iterator[Message]:
    while True:
        if stream.is_left:
            raise RuntimeError(
                "The messages of this task were thrown away when the next task was asked for, or the"
                " run let go of. Read the messages of a task before you go on."
            )
        source.move_while_waiting_for(stream)
        payload = backlog.take(stream)
        if payload is None:
            break
        yield unpack(payload)
    if stream.failure is not None:
        raise _unpacked(stream.failure)


def _unpacked(failure: TaskNotDone | bytearray) -> TaskNotDone:
    unpacked: TaskNotDone = unpack(failure) if isinstance(failure, bytearray) else failure
    if isinstance(unpacked, TaskFailed):
        unpacked.__cause__ = unpacked.cause
    return unpacked
