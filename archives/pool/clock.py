"""How long a task may take: silence is limited, and so is dawdling, but not a long recording."""

from archives.pool.errors import TimeLimitExceeded

_SHORTEST_WAIT_SECONDS = 1e-3


class TaskClock:
    """Adds up how long the parent has waited for the task that a worker is at.

    Runs from a task's begin in the worker to its end. What a worker spends blocked, because the
    parent does not take its messages, is not waited for and does not count.

    Args:
        limit_seconds: float > 0: of each single wait, and of all of a task's waits together
            beyond the sound or film (in seconds) that its messages carry.
    """

    def __init__(self, limit_seconds: float) -> None:
        self._limit_seconds = limit_seconds
        self._is_running = False
        self._total_seconds = self._single_seconds = self._carried_seconds = 0.0

    def begin(self) -> None:
        """A task begins, with nothing on its account."""
        self._is_running = True
        self._total_seconds = self._single_seconds = self._carried_seconds = 0.0

    def end(self) -> None:
        """The task is over."""
        self._is_running = False

    @property
    def seconds_left(self) -> float | None:
        """How long the next wait may be, > 0; None while no task runs."""
        if not self._is_running:
            return None
        of_all = self._limit_seconds + self._carried_seconds - self._total_seconds
        of_this = self._limit_seconds - self._single_seconds
        return max(_SHORTEST_WAIT_SECONDS, min(of_this, of_all))

    def waited(self, seconds: float) -> None:
        """A part of a wait has passed."""
        self._total_seconds += seconds
        self._single_seconds += seconds

    def heard(self, carried_seconds: float = 0.0) -> None:
        """A message came, which ends a single wait."""
        self._single_seconds = 0.0
        if carried_seconds > 0:  # NaN is not
            self._carried_seconds += carried_seconds

    def exceeded(self) -> TimeLimitExceeded:
        """What to say of a task that went over its time."""
        if self._single_seconds >= self._limit_seconds:
            return TimeLimitExceeded(self._single_seconds, self._limit_seconds)
        return TimeLimitExceeded(self._total_seconds, self._limit_seconds + self._carried_seconds)
