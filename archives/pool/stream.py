"""One task on its way: what came of it so far, and who is at it."""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from archives.pool.errors import TaskNotDone


@dataclass(eq=False)
class Stream:
    """A task and its messages; changed only while the backlog's lock is held.

    Attributes:
        number: int, of the task, counted from the pool's first.
        task: the caller's.
        order: bytes, the packed task.
        payloads: packed messages that nobody has taken yet.
        num_received: int, how many messages came, over all attempts.
        num_deaths: int, how many workers died of it.
        is_over: whether nothing more will come.
        failure: why it ended early; packed, if a worker said it. None if it did not.
        is_left: whether the caller has gone on to the next task.
        is_forgotten: whether the worker has been told so.
    """

    number: int
    task: Any
    order: bytes
    payloads: deque[bytearray] = field(default_factory=deque)
    num_received: int = 0
    num_deaths: int = 0
    is_over: bool = False
    failure: TaskNotDone | bytearray | None = None
    is_left: bool = False
    is_forgotten: bool = False

    @property
    def is_ready(self) -> bool:
        """Whether the caller need not wait: a message is there, or none will come."""
        return self.is_over or bool(self.payloads)


@dataclass(eq=False)
class Inbox:
    """The tasks of one worker, in their order; the first is the one it is at.

    It outlives the worker: a fresh one finds in it what the dead one has not done.

    Attributes:
        streams: the tasks that are given to this worker and not over.
        has_worker: whether a worker is there to be given orders.
    """

    streams: deque[Stream] = field(default_factory=deque)
    has_worker: bool = False

    @property
    def newly_left(self) -> Stream | None:
        """A task that the caller has left and the worker does not know of yet."""
        left = (each for each in self.streams if each.is_left and not each.is_forgotten)
        return next(left, None)
