"""How a command ends: what was skipped is listed, and the exit code says so."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from app.cli.main import DONE, DONE_WITH_SKIPPED


class SkippedInput(Protocol):
    """A file that could not be used."""

    @property
    def path(self) -> Path:
        """The file."""

    @property
    def reason(self) -> str:
        """What is wrong with it."""


def outcome(skipped: Iterable[SkippedInput]) -> int:
    """Lists skipped files on standard error; 0 where there are none, else 1."""
    listed = list(skipped)
    if not listed:
        return DONE
    print(f"Skipped {len(listed)} input{'s' if len(listed) > 1 else ''}:", file=sys.stderr)
    for file in listed:
        print(f"  {file.path}: {file.reason}", file=sys.stderr)
    return DONE_WITH_SKIPPED


def table(rows: Iterable[Iterable[object]], header: Iterable[str]) -> str:
    """Columns in line, floats with three decimals."""
    lines = [[_text(cell) for cell in row] for row in (list(header), *rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def _text(cell: object) -> str:
    return f"{cell:.3f}" if isinstance(cell, float) else str(cell)
