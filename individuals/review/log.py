"""The log of a review: who decided what, and when; nothing in it is ever changed, an undo is an entry."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path

_LOCK = threading.Lock()


@dataclass(frozen=True)
class ReviewEntry:
    """One decision of a person, or that it was taken back.

    Args:
        number: int, from 1.
        time: UTC, ISO 8601.
        by: who decided.
        question: what was asked, such as two ids of sightings, or the key of a detection.
        answer: "same", "yes", ...; "undo" for an entry that takes another back.
        details: what else is to be known, such as the species that it is instead.
        undoes: number of the entry that was taken back.
    """

    number: int
    time: str
    by: str
    question: str
    answer: str
    details: Mapping[str, str] = field(default_factory=dict)
    undoes: int | None = None


class ReviewLog:
    """Decisions in a file of JSON lines, each on disk when the call returns.

    Threads of one process may share a file; a last line that was cut off by a crash is passed over.

    Args:
        path: of the file; it is made with the first decision.
    Example:
        >>> log = ReviewLog("review_log.jsonl")
        >>> log.add("s01-s02", "same", by="Zoë").number
        1
        >>> log.undo(by="Zoë").question
        's01-s02'
        >>> log.answers()
        {}
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    def entries(self) -> list[ReviewEntry]:
        """All entries, oldest first.

        Raises:
            ValueError: a line that is none, but for a last one that was cut off.
        """
        text = self.path.read_text("utf-8") if self.path.is_file() else ""
        lines = text.split("\n")[:-1]  # what no line break ends was cut off
        try:
            return [ReviewEntry(**json.loads(line)) for line in lines]
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"'{self.path}' is no log of a review ({error}). Move it away to start another."
            ) from error

    def answers(self) -> dict[str, ReviewEntry]:
        """Question -> the last answer that was not taken back."""
        entries = self.entries()
        undone = {entry.undoes for entry in entries}
        return {
            entry.question: entry
            for entry in entries
            if entry.undoes is None and entry.number not in undone
        }

    def add(
        self, question: str, answer: str, *, by: str, details: Mapping[str, str] | None = None
    ) -> ReviewEntry:
        """Write a decision down; it replaces an earlier one about the same question."""
        with _LOCK:
            return self._append(by, question, answer, dict(details or {}))

    def undo(self, *, by: str) -> ReviewEntry | None:
        """Take back the last decision that still stands, and return it; None where there is none."""
        with _LOCK:
            entries = self.entries()
            undone = {entry.undoes for entry in entries}
            standing = [e for e in entries if e.undoes is None and e.number not in undone]
            if not standing:
                return None
            last = standing[-1]
            self._append(by, last.question, "undo", {}, last.number)
            return last

    def _append(
        self,
        by: str,
        question: str,
        answer: str,
        details: Mapping[str, str],
        undoes: int | None = None,
    ) -> ReviewEntry:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        entry = ReviewEntry(len(self.entries()) + 1, now, by, question, answer, details, undoes)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("rb+" if self.path.exists() else "wb+") as file:
            content = file.read()
            file.seek(content.rfind(b"\n") + 1)  # over a line that was cut off
            file.truncate()
            file.write(json.dumps(asdict(entry), ensure_ascii=False).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        return entry
