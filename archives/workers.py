"""Worker processes for files that may crash or hang their decoder: a bad file costs itself alone."""

from __future__ import annotations

import os
import queue
import resource
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, NoReturn, TypeVar

from media import UnreadableMediaError

Task = TypeVar("Task")
Message = TypeVar("Message")

_MESSAGES_WAITING = 64  # of all workers, for the caller: this bounds the memory
_TASKS_PER_WORKER = 2  # one in work, one in advance
_START_SECONDS, _MOST_FAILED_STARTS = 120.0, 3
_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[2:]; from archives.workers import serve;"
    " serve(int(sys.argv[1]))"
)


@dataclass(frozen=True)
class Ended:
    """The last thing that comes of a task."""

    refusal: UnreadableMediaError | FileNotFoundError | None = None  # raised of a file of no use
    crash: str | None = None  # how the work broke off: "died of SIGSEGV", "gave nothing for 60 s"


class Workers(Generic[Task, Message]):
    """Processes that do tasks, each of which yields messages. Use as a context.

    A worker imports the module of `work` and nothing else of the program: no TensorFlow. If it dies, the
    task that it was at is done again from its beginning, and messages that came already are not given twice;
    a second death ends that task, and no other. Workers end when this process ends, however it does.

    Args:
        work: function at the top level of a module: takes a task, yields messages, always the same ones.
            Tasks and messages can be pickled.
        num_workers: int >= 0; 0 works in this process, without protection from crashes.
        time_limit_seconds: float > 0. A worker that gives no message for so long is ended.
    """

    def __init__(
        self,
        work: Callable[[Task], Iterator[Message]],
        *,
        num_workers: int,
        time_limit_seconds: float = 60.0,
    ) -> None:
        self._work, self._num_workers = work, num_workers
        self._time_limit_seconds = time_limit_seconds
        self._workers: list[_Worker] = []
        self._again: deque[_Given] = deque()  # tasks of workers that died
        self._results: queue.Queue[tuple[Task, Message | Ended] | None]
        self._results = queue.Queue(_MESSAGES_WAITING)
        self._num_failed_starts = 0
        self._is_closed = False

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Message | Ended]]:
        """Does tasks, which are taken one by one in a thread.

        The messages of each come in order, those of several tasks mixed; the last of each is `Ended`. Leaving
        before the end closes the workers.

        Raises:
            RuntimeError: a worker cannot start.
        """
        if not self._num_workers:
            yield from ((task, message) for task in tasks for message in _done(self._work, task))
            return
        with ThreadPoolExecutor(1, thread_name_prefix="workers") as thread:
            managing = thread.submit(self._manage, map(_Given, tasks))
            managing.add_done_callback(lambda _: self._put(None))
            is_whole = False
            try:
                while (result := self._results.get()) is not None:
                    yield result
                is_whole = True
            finally:
                if not is_whole:
                    self.close()
        managing.result()  # raises what the tasks raised

    def close(self) -> None:
        """Ends the workers at once."""
        self._is_closed = True
        for worker in self._workers:
            worker.kill()

    def __enter__(self) -> Workers[Task, Message]:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _manage(self, tasks: Iterator[_Given]) -> None:
        """Gives tasks and takes messages until all is done."""
        while not self._is_closed:
            self._give(tasks)
            busy = [worker for worker in self._workers if worker.given]
            if not busy:
                return
            seconds_left = min(worker.deadline for worker in busy) - time.monotonic()
            ready = wait([worker.pipe for worker in busy], max(0.0, seconds_left))
            for worker in busy:
                if worker.pipe in ready:
                    self._take(worker)
                elif time.monotonic() > worker.deadline:
                    how = f"gave nothing for {self._time_limit_seconds:g} s"
                    self._end(worker, how, is_hung=True)

    def _give(self, tasks: Iterator[_Given]) -> None:
        """Gives each worker enough to do, the least busy first."""
        while True:
            free = [worker for worker in self._workers if len(worker.given) < _TASKS_PER_WORKER]
            can_start = len(self._workers) < self._num_workers
            if not (free or can_start):
                return
            given = self._again.popleft() if self._again else next(tasks, None)
            if given is None:
                return
            worker = min(free, key=lambda one: len(one.given), default=None)
            if worker is None or (worker.given and can_start):
                worker = _Worker(self._work, self._time_limit_seconds)
                self._workers.append(worker)
            worker.give(given)

    def _take(self, worker: _Worker) -> None:
        try:
            message = worker.receive()
        except (EOFError, OSError):
            self._end(worker, worker.how_it_ended())
            return
        if not worker.has_started:  # its first message says that it has
            worker.has_started, self._num_failed_starts = True, 0
            return
        given = worker.given[0]
        given.num_repeated += 1
        if isinstance(message, Ended):
            worker.given.popleft()
        elif given.num_repeated <= given.num_known:
            return
        given.num_known = given.num_repeated
        self._put((given.task, message))

    def _end(self, worker: _Worker, how: str, *, is_hung: bool = False) -> None:
        """A worker died or hangs: the task that it was at is done again, or ends."""
        worker.kill()
        self._workers.remove(worker)
        if self._is_closed:
            return
        if worker.has_started:
            given = worker.given[0]
            if given.is_second_try or is_hung:
                worker.given.popleft()
                self._put((given.task, Ended(crash=how)))
            given.is_second_try, given.num_repeated = True, 0
        else:
            self._num_failed_starts += 1
            if self._num_failed_starts == _MOST_FAILED_STARTS:
                raise RuntimeError(
                    f"A worker process {how} before it began, {_MOST_FAILED_STARTS} times in a row. See what "
                    "it printed, or work without worker processes (--workers 0)."
                )
        self._again.extend(worker.given)

    def _put(self, result: tuple[Task, Message | Ended] | None) -> None:
        """Waits until the caller takes what came, or leaves."""
        while not self._is_closed:
            with suppress(queue.Full):
                self._results.put(result, timeout=0.1)
                return


@dataclass
class _Given:
    task: Any  # the caller's
    num_known: int = 0  # messages that the caller was given
    num_repeated: int = 0  # messages of this try
    is_second_try: bool = False


class _Worker:
    # Started as a program, so that the caller's needs no `if __name__ == "__main__"`, and in a process
    # group of its own, so that Ctrl-C at the terminal reaches the parent alone.

    def __init__(self, work: Callable, time_limit_seconds: float) -> None:
        self.given: deque[_Given] = deque()  # the first is in work
        self.has_started = False
        self._time_limit_seconds = time_limit_seconds
        self.deadline = time.monotonic() + _START_SECONDS
        self.pipe, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _PROGRAM, str(theirs.fileno()), *sys.path],
                stdin=subprocess.DEVNULL,
                stdout=2,
                pass_fds=[theirs.fileno()],
                process_group=0,
            )
        self.pipe.send(work)

    def give(self, given: _Given) -> None:
        if self.has_started and not self.given:
            self.deadline = time.monotonic() + self._time_limit_seconds
        self.given.append(given)
        with suppress(OSError):  # it is dead, as the end of its messages tells
            self.pipe.send(given.task)

    def receive(self) -> Any:
        message = self.pipe.recv()
        self.deadline = time.monotonic() + self._time_limit_seconds
        return message

    def kill(self) -> None:
        if self._process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            with suppress(
                subprocess.TimeoutExpired
            ):  # it hangs in the kernel: a dead network drive
                self._process.wait(1.0)

    def how_it_ended(self) -> str:
        with suppress(subprocess.TimeoutExpired):  # its pipe closes a moment before its end
            self._process.wait(1.0)
        code = self._process.returncode
        if code is not None and code < 0:
            return f"died of {signal.Signals(-code).name}"
        return f"ended with exit code {code}"


def serve(handle: int) -> NoReturn:
    """What a worker process runs: one task after the other, until the parent is gone."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    os.set_inheritable(handle, False)
    pipe = Connection(handle)
    work = pipe.recv()
    tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(pipe, tasks), daemon=True).start()
    with suppress(BrokenPipeError, ConnectionResetError):
        pipe.send(None)
        while True:
            for message in _done(work, tasks.get()):
                pipe.send(message)
    os._exit(0)


def _listen(pipe: Connection, tasks: queue.SimpleQueue) -> NoReturn:
    """Takes tasks; ends this process when the parent ends, even in the middle of a task."""
    with suppress(EOFError, OSError):
        while True:
            tasks.put(pipe.recv())
    os._exit(0)


class _WorkError(Exception):
    pass


def _done(work: Callable[[Task], Iterator[Message]], task: Task) -> Iterator[Message | Ended]:
    """The messages of a task, then its end."""
    ended = Ended()
    try:
        yield from _messages(work, task)
    except (UnreadableMediaError, FileNotFoundError) as refusal:
        ended = Ended(refusal=refusal)
    except _WorkError as error:
        ended = Ended(crash=f"stopped with {error}")
    yield ended


def _messages(work: Callable[[Task], Iterator[Message]], task: Task) -> Iterator[Message]:
    try:
        yield from work(task)
    except (UnreadableMediaError, FileNotFoundError):
        raise
    except Exception as error:
        raise _WorkError(f"{type(error).__name__}: {error}") from error
