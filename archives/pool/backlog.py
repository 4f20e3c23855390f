"""What lies between the caller and the workers: tasks not done, messages not read, and how many."""

import threading
from collections import deque

from archives.pool.errors import TaskNotDone
from archives.pool.frames import Kind, pack
from archives.pool.stream import Inbox, Stream

TASKS_PER_WORKER = 2
"""One that it is at and one in advance: so a task of a millisecond does not wait for a round trip."""

Order = tuple[Kind, Stream]


class Backlog:
    """The one thing that all threads of a pool share.

    The caller's thread adds tasks at the end and takes messages from the stream at the head. Each
    worker has an inbox, a thread that writes its orders, and a thread that reads its messages; the
    reader waits in `admit` while too much lies here, and so, as its socket is full, the worker
    waits in its send. That bounds the memory: at most `bytes_ahead` bytes lie here, or one message
    of the head if that alone is larger or others have filled the place.

    Nobody waits forever. The caller waits only for the head, and only when no message of it lies
    here; then `admit` lets the head's next message in, whatever lies here. So the head's worker is
    never held up, once it is at the head. It gets there: tasks are given out in their order, and
    an inbox keeps it, so all that stands before the head in its inbox is older than the head, that
    is, read to its end or left by the caller; and `admit` lets in (to be thrown away) whatever
    belongs to a stream that was left. If the head has not been given out, no later one has, so
    each inbox holds only older ones and runs empty by the same argument, and an empty inbox may
    always take. A worker that dies gives its inbox, in the same order, to the one that replaces
    it. A writer does not wait for a busy worker: there a thread of its own reads the orders.

    Args:
        bytes_ahead: int >= 0, of messages that came and were not taken.
        tasks_ahead: int >= 1, that are known beside the one at the head.
        num_workers: int >= 1.
    """

    def __init__(self, bytes_ahead: int, tasks_ahead: int, num_workers: int) -> None:
        self._bytes_ahead, self._tasks_ahead = bytes_ahead, tasks_ahead
        self.inboxes = [Inbox() for _ in range(num_workers)]
        self._streams: deque[Stream] = deque()
        self._unassigned: deque[Stream] = deque()
        self._num_bytes = self._num_added = 0
        self._error: Exception | None = None
        self._lock = threading.RLock()
        self._caller, self._readers, self._writers = (
            threading.Condition(self._lock) for _ in range(3)
        )

    # The caller's side.

    @property
    def head(self) -> Stream | None:
        """The stream that the caller reads, or will read next."""
        return self._streams[0] if self._streams else None

    @property
    def has_place(self) -> bool:
        """Whether another task may be added."""
        return len(self._streams) <= self._tasks_ahead

    def add(self, task: object) -> None:
        """Take a task in, behind all others."""
        stream = Stream(self._num_added, task, bytes(pack(task)))
        with self._lock:
            self._num_added += 1
            self._streams.append(stream)
            self._unassigned.append(stream)
            self._writers.notify_all()

    def is_ready(self, stream: Stream) -> bool:
        """Whether `take` would not wait."""
        with self._lock:
            return self._is_ready(stream)

    def take(self, stream: Stream) -> bytearray | None:
        """Wait for the next message of the head, still packed; None after the last.

        Raises:
            RuntimeError: no worker can be had, or the pool is closed.
        """
        with self._lock:
            self._caller.wait_for(lambda: self._is_ready(stream))
            if self._error is not None:
                raise self._error
            if not stream.payloads:
                return None
            payload = stream.payloads.popleft()
            self._num_bytes -= len(payload)
            self._readers.notify_all()
            return payload

    def leave(self, stream: Stream) -> None:
        """Go on to the next: what came or will come of this one is thrown away."""
        with self._lock:
            stream.is_left = True
            self._streams.remove(stream)
            if stream in self._unassigned:
                self._unassigned.remove(stream)
            self._num_bytes -= sum(map(len, stream.payloads))
            stream.payloads.clear()
            self._readers.notify_all()
            self._writers.notify_all()

    def leave_all(self) -> None:
        """Leave every stream."""
        with self._lock:
            while self._streams:
                self.leave(self._streams[-1])

    # A worker's side.

    @property
    def is_running(self) -> bool:
        """Whether workers are wanted."""
        return self._error is None

    def open_inbox(self, inbox: Inbox) -> bool:
        """A worker is there for it; False if the pool has been closed meanwhile.

        What the caller has left is not worth a second attempt.
        """
        with self._lock:
            inbox.has_worker = self.is_running
            wanted = [stream for stream in inbox.streams if not stream.is_left]
            inbox.streams = deque(wanted)
            self._writers.notify_all()
            return inbox.has_worker

    def shut_inbox(self, inbox: Inbox) -> None:
        """Its worker is dead; whoever waits for orders to it stops."""
        with self._lock:
            inbox.has_worker = False
            self._writers.notify_all()

    def next_order(self, inbox: Inbox) -> Order | None:
        """Wait for what to tell a worker next; None if there is no worker any more."""
        with self._lock:
            while inbox.has_worker:
                if (stream := inbox.newly_left) is not None:
                    stream.is_forgotten = True
                    return Kind.FORGET, stream
                if self._unassigned and self._is_next(inbox):
                    stream = self._unassigned.popleft()
                    inbox.streams.append(stream)
                    return Kind.TASK, stream
                self._writers.wait()
        return None

    def admit(self, stream: Stream, num_bytes: int) -> bool:
        """Wait until a message of this size may come in; False if nobody wants it."""
        with self._lock:
            self._readers.wait_for(lambda: self._may_enter(stream, num_bytes))
            if stream.is_left or not self.is_running:
                return False
            self._num_bytes += num_bytes
            return True

    def put(self, stream: Stream, payload: bytearray) -> None:
        """A message that was admitted."""
        with self._lock:
            if stream.is_left:  # while it was read
                self.withdraw(len(payload))
                return
            stream.payloads.append(payload)
            stream.num_received += 1
            self._wake_caller(stream)

    def withdraw(self, num_bytes: int) -> None:
        """A message that was admitted does not come."""
        with self._lock:
            self._num_bytes -= num_bytes
            self._readers.notify_all()

    def end(self, inbox: Inbox, failure: TaskNotDone | bytearray | None = None) -> None:
        """The task at the front of an inbox is over."""
        with self._lock:
            stream = inbox.streams.popleft()
            stream.is_over, stream.failure = True, failure
            self._wake_caller(stream)
            self._writers.notify_all()

    def fail(self, error: Exception) -> None:
        """The pool cannot go on: all who wait are woken, and the caller is told."""
        with self._lock:
            self._error = self._error or error
            for inbox in self.inboxes:
                inbox.has_worker = False
            for waiting in (self._caller, self._readers, self._writers):
                waiting.notify_all()

    def close(self) -> None:
        """Nothing more comes in or goes out."""
        self.fail(RuntimeError("The pool is closed. Read all messages inside its `with` block."))

    # With the lock held.

    def _is_ready(self, stream: Stream) -> bool:
        return stream.is_ready or self._error is not None

    def _is_next(self, inbox: Inbox) -> bool:
        """Whether this inbox has place and no other has fewer tasks."""
        fewest = min(len(each.streams) for each in self.inboxes)
        return len(inbox.streams) == fewest < TASKS_PER_WORKER

    def _may_enter(self, stream: Stream, num_bytes: int) -> bool:
        if stream.is_left or not self.is_running:
            return True
        if self._num_bytes + num_bytes <= self._bytes_ahead:
            return True
        return stream is self.head and not stream.payloads

    def _wake_caller(self, stream: Stream) -> None:
        if stream is self.head:
            self._caller.notify_all()
