"""Jobs: work of minutes or hours, done one after the other, watched, and cancelled."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

from fastapi import HTTPException

from app.web.busy import BusyError

State = Literal["waiting", "running", "done", "failed", "cancelled"]
BUSY_SECONDS, MOST_KEPT = 60, 100


class JobCancelledError(Exception):
    """Ends the work of a job that somebody cancelled."""


@dataclass(eq=False)
class Job:
    """Work that was asked for.

    Attributes:
        id: random.
        kind: "count" or "classify".
        folder: with the files that it works on, which are deleted at its end, and what it writes, which is
            deleted with the job.
        state: waiting, running, done, failed or cancelled.
        progress: float in [0, 1].
        note: what it is at.
        result: what came of it; None before it is done.
        error: why it failed.
        submitted_at: UTC.
    """

    id: str
    kind: str
    folder: Path
    files: tuple[str, ...] = ()
    state: State = "waiting"
    progress: float = 0.0
    note: str = ""
    result: Any = None
    error: str | None = None
    submitted_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended_at: float | None = None  # on the clock of `time.monotonic`
    is_cancelled: threading.Event = field(default_factory=threading.Event)

    def tell(self, progress: float, note: str = "") -> None:
        """How far the work is; ends it where the job was cancelled.

        Raises:
            JobCancelledError: it was.
        """
        if self.is_cancelled.is_set():
            raise JobCancelledError
        self.progress, self.note = min(max(progress, 0.0), 1.0), note


class Jobs:
    """One job at a time; the others wait, up to a limit. What ended is kept for a while.

    Args:
        folder: for the folders of jobs.
        most_waiting: int >= 1.
        lifetime_seconds: float > 0, after its end.
    """

    def __init__(self, folder: Path, *, most_waiting: int, lifetime_seconds: float) -> None:
        self._folder, self._most, self._lifetime = folder, most_waiting, lifetime_seconds
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="job")
        self._jobs: dict[str, Job] = {}
        self._futures: dict[str, Future[Any]] = {}

    @property
    def num_open(self) -> int:
        """How many wait or run."""
        return sum(job.ended_at is None for job in self._jobs.values())

    def submit(
        self, kind: str, work: Callable[[Job], Any], files: Mapping[str, Path] | None = None
    ) -> Job:
        """Puts work into the queue.

        Args:
            kind: what it is.
            work: does it, telling the job how far it is; gives the result.
            files: name in the job's folder -> file that it works on; the originals may be deleted.
        Raises:
            BusyError: too many wait.
        """
        self.delete_old()
        if self.num_open >= self._most:
            raise BusyError("Too many jobs wait.", retry_after_seconds=BUSY_SECONDS)
        id_ = uuid4().hex
        job = Job(id_, kind, self._folder / f"job-{id_}", files=tuple(files or ()))
        job.folder.mkdir()
        for name, path in (files or {}).items():
            os.link(path, job.folder / name)
        self._jobs[id_] = job

        def start() -> Any:
            job.tell(0.0, "started")
            job.state = "running"
            return work(job)

        future = self._thread.submit(start)
        self._futures[id_] = future
        future.add_done_callback(lambda done: _end(job, done))
        return job

    def all(self) -> Sequence[Job]:
        """Those that are kept, oldest first."""
        self.delete_old()
        return list(self._jobs.values())

    def get(self, id_: str) -> Job:
        """The job of this id; HTTPException 404 where there is none."""
        self.delete_old()
        if id_ not in self._jobs:
            raise HTTPException(
                404, "There is no such job: jobs are deleted a while after their end."
            )
        return self._jobs[id_]

    def cancel(self, id_: str) -> Job:
        """Ends a job that waits or runs (it ends within seconds); one that has ended stays as it is."""
        job = self.get(id_)
        job.is_cancelled.set()
        self._futures[id_].cancel()
        return job

    def delete_old(self) -> None:
        """Forgets jobs that ended long ago, and deletes what they wrote."""
        now = time.monotonic()
        ended = [job for job in self._jobs.values() if job.ended_at is not None]
        for place, job in enumerate(ended):
            is_old = now - (job.ended_at or now) > self._lifetime
            if is_old or place < len(ended) - MOST_KEPT:
                del self._jobs[job.id], self._futures[job.id]
                shutil.rmtree(job.folder, ignore_errors=True)

    def close(self) -> None:
        """Cancels all and waits for the one that runs."""
        for job in self._jobs.values():
            job.is_cancelled.set()
        self._thread.shutdown(cancel_futures=True)


def _end(job: Job, future: Future[Any]) -> None:
    error = None if future.cancelled() else future.exception()
    if future.cancelled() or isinstance(error, JobCancelledError):
        job.state = "cancelled"
    elif error is not None:
        job.state, job.error = "failed", str(error)
    else:
        job.state, job.progress, job.result = "done", 1.0, future.result()
    for name in job.files:
        (job.folder / name).unlink(missing_ok=True)
    job.ended_at = time.monotonic()
