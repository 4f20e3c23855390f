"""Keeps one worker alive: starts it, hears it, judges its death, and starts the next."""

import logging
import threading
import time
from contextlib import suppress
from typing import NoReturn

from archives.pool.backlog import Backlog
from archives.pool.clock import TaskClock
from archives.pool.errors import TaskNotDone, TimeLimitExceeded, WorkerDied
from archives.pool.frames import Header, Kind, unpack
from archives.pool.process import WorkerProcess
from archives.pool.stream import Inbox

_LOGGER = logging.getLogger(__name__)
_MOST_ATTEMPTS = 2
_MOST_VAIN_STARTS = 5
_START_LIMIT_SECONDS = 120.0
_PAUSE_SECONDS = 0.05


class WorkerKeeper:
    """One place in a pool, with a worker in it from `start` until the backlog is closed.

    Two threads: one starts workers, reads what they say and replaces the dead; the other, one per
    worker, writes its orders. So neither side can block the other with a full socket.
    """

    def __init__(
        self, work: bytes, backlog: Backlog, inbox: Inbox, time_limit_seconds: float
    ) -> None:
        self._work, self._backlog, self._inbox = work, backlog, inbox
        self._time_limit_seconds = time_limit_seconds
        self._clock = TaskClock(time_limit_seconds)
        self._process: WorkerProcess | None = None
        self._is_at_task = False
        self._num_vain_starts = 0
        self._last_words = ""
        self._thread = threading.Thread(target=self._keep, name="worker keeper", daemon=True)

    def start(self) -> None:
        """Begin; returns at once."""
        self._thread.start()

    def kill(self) -> None:
        """End the worker; it is replaced, unless the backlog is closed."""
        process = self._process
        if process is not None:
            process.kill()

    def join(self, timeout_seconds: float) -> None:
        """Wait for the thread, which ends when the backlog is closed and the worker dead."""
        self._thread.join(timeout_seconds)

    def _keep(self) -> None:
        try:
            while self._backlog.is_running:
                self._employ()
        except BaseException as error:
            self._backlog.fail(RuntimeError(f"The pool itself failed: {error!r}"))
            raise

    def _employ(self) -> None:
        """One worker, from its start to its end."""
        try:
            process = self._process = WorkerProcess(self._work)
        except OSError as error:
            self._start_was_vain(f"could not be started ({error})")
            return
        self._is_at_task, self._last_words = False, ""
        timed_out = self._serve(process) if self._backlog.open_inbox(self._inbox) else None
        if timed_out is not None or not self._backlog.is_running:
            process.kill()
        how = process.bury()
        if self._backlog.is_running:
            self._judge(how, timed_out)

    def _serve(self, process: WorkerProcess) -> TimeLimitExceeded | None:
        """Talk with a worker until it dies; returns what to say of its task if it dawdles."""
        writer = threading.Thread(target=self._write, args=(process,), daemon=True)
        writer.start()
        try:
            self._read(process)
        except TimeoutError:
            return self._clock.exceeded()
        except (EOFError, OSError):
            return None
        finally:
            self._clock.end()
            self._backlog.shut_inbox(self._inbox)
            process.hang_up()
            writer.join()

    def _write(self, process: WorkerProcess) -> None:
        with suppress(OSError):  # it is dead, which the reading thread sees too
            for stream in list(self._inbox.streams):  # what its predecessor has not done
                process.send(Kind.TASK, stream.number, stream.order, stream.num_received)
            while (order := self._backlog.next_order(self._inbox)) is not None:
                kind, stream = order
                process.send(kind, stream.number, stream.order if kind is Kind.TASK else b"")

    def _read(self, process: WorkerProcess) -> NoReturn:
        timeout_seconds: float | None = _START_LIMIT_SECONDS
        while True:
            began = time.monotonic()
            try:
                header = process.receive(timeout_seconds)
            finally:
                self._clock.waited(time.monotonic() - began)
            self._hear(process, header)
            timeout_seconds = self._clock.seconds_left

    def _hear(self, process: WorkerProcess, header: Header) -> None:
        match header.kind:
            case Kind.BEGIN:
                self._is_at_task, self._num_vain_starts = True, 0
                self._clock.begin()
            case Kind.MESSAGE:
                self._clock.heard(header.seconds)
                self._let_in(process, header.num_bytes)
            case Kind.REPEATED:
                self._clock.heard(header.seconds)
            case Kind.END:
                self._end_task(None)
            case Kind.FAILED:
                payload = process.read(header.num_bytes, self._time_limit_seconds)
                if self._is_at_task:
                    self._end_task(payload)
                else:  # it could not even start
                    self._last_words = f", saying {unpack(payload)}"

    def _let_in(self, process: WorkerProcess, num_bytes: int) -> None:
        stream = self._inbox.streams[0]
        is_wanted = self._backlog.admit(stream, num_bytes)
        try:
            payload = process.read(num_bytes, self._time_limit_seconds)
        except (EOFError, OSError):
            self._backlog.withdraw(num_bytes if is_wanted else 0)
            raise
        if is_wanted:
            self._backlog.put(stream, payload)

    def _end_task(self, failure: TaskNotDone | bytearray | None) -> None:
        self._is_at_task = False
        self._clock.end()
        self._backlog.end(self._inbox, failure)

    def _judge(self, how: str, timed_out: TimeLimitExceeded | None) -> None:
        """Decide what becomes of the task that a worker was at when it ended."""
        if not self._is_at_task:
            self._start_was_vain(how if timed_out is None else "did not answer")
            return
        stream = self._inbox.streams[0]
        stream.num_deaths += 1
        _LOGGER.info("A worker %s at task %d.", how, stream.number)
        if timed_out is not None:
            self._end_task(timed_out)
        elif stream.num_deaths == _MOST_ATTEMPTS:
            self._end_task(WorkerDied(how))

    def _start_was_vain(self, how: str) -> None:
        """A worker ended before it began a task, so no task is to blame."""
        self._num_vain_starts += 1
        if self._num_vain_starts < _MOST_VAIN_STARTS:
            time.sleep(_PAUSE_SECONDS * self._num_vain_starts)
            return
        self._backlog.fail(
            RuntimeError(
                f"{_MOST_VAIN_STARTS} worker processes in a row ended before they began a task; the"
                f" last one {how}{self._last_words}. Expected that a fresh Python imports the work"
                " function; see what it printed, or set num_workers=0 to work without processes."
            )
        )
