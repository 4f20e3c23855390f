"""Worker processes that may crash: whatever a task does to its worker, the run goes on."""

from archives.pool.errors import TaskFailed, TaskNotDone, TimeLimitExceeded, WorkerDied
from archives.pool.worker_pool import WorkerPool

__all__ = ["WorkerPool", "TaskNotDone", "TaskFailed", "WorkerDied", "TimeLimitExceeded"]
