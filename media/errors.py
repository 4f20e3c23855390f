"""What a caller catches when one file of many cannot be decoded, and how it is noted."""

import math
from dataclasses import dataclass
from pathlib import Path


class UnreadableMediaError(Exception):
    """One photo, recording or video that cannot be decoded; the run goes on without it.

    Whoever walks over many files catches this, notes `path` and `reason` (`Skipped`), and ends with
    a list of what was skipped. Nothing in this package ever puts zeros in the place of such a file.
    Survives pickling, so worker processes can raise it.

    Attributes:
        path: pathlib.Path of the file.
        reason: what was expected, what was found instead, and how to mend it.
    """

    def __init__(self, path: str | Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = Path(path)
        self.reason = reason

    def __str__(self) -> str:
        return f"Cannot read '{self.path}': {self.reason}"


@dataclass(frozen=True)
class Skipped:
    """A file that could not be used, and why, in a sentence."""

    path: Path
    reason: str


def check_positive(**options: float | None) -> None:
    """Refuse options that are given and not above 0."""
    for name, value in options.items():
        if value is not None and not 0 < value < math.inf:
            raise ValueError(f"Expected {name} > 0, received {value}.")
