"""More is asked for than can be done now: the caller is told when to come again."""

from __future__ import annotations


class BusyError(Exception):
    """Answered as 429 with `Retry-After`.

    Args:
        message: what there is too much of.
        retry_after_seconds: int >= 1.
    """

    def __init__(self, message: str, *, retry_after_seconds: int = 1) -> None:
        super().__init__(message)
        self.retry_after_seconds = max(1, int(retry_after_seconds))
