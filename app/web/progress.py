"""How far a run over an archive is, from what it has written: its rate, the time left, what it skipped."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archives.embed.rows import FileRow

RECENT_SECONDS, LIVE_SECONDS = 600.0, 180.0
SURVEY_FILE = "survey.json"


@dataclass(frozen=True)
class RunProgress:
    """A run over an archive.

    Attributes:
        num_done: int, files of which it is known what became of them.
        num_all: int, files that a survey found; None where there was none.
        num_embeddings: int.
        files_per_second: float, over the last ten minutes of work; None where it cannot be told.
        seconds_left: float; None where the rate or the number of all files is not known.
        is_running: whether something was finished in the last three minutes.
        by_status: how many files there are of each status.
        not_whole: files of which something, or all, is lost, latest first.
    """

    num_done: int
    num_all: int | None
    num_embeddings: int
    files_per_second: float | None
    seconds_left: float | None
    is_running: bool
    by_status: Mapping[str, int]
    not_whole: Sequence[FileRow]


def run_progress(rows: Sequence[FileRow], num_all: int | None, now_ns: int) -> RunProgress:
    """What the rows of an archive tell of the run that writes them.

    Files become visible when their shard is written, some at a time.

    Args:
        rows: of all files.
        num_all: int, files that are to be done; None where that is not known.
        now_ns: since 1970.
    """
    ended = sorted(row.finished_ns for row in rows if row.finished_ns)
    last = ended[-1] if ended else 0
    recent = [moment for moment in ended if last - moment <= RECENT_SECONDS * 1e9]
    rate = None
    if len(recent) > 1 and recent[-1] > recent[0]:
        rate = (len(recent) - 1) / ((recent[-1] - recent[0]) / 1e9)
    left = None if rate is None or num_all is None else max(0, num_all - len(rows)) / rate
    is_whole = num_all is not None and len(rows) >= num_all
    lost = sorted((row for row in rows if not row.is_whole), key=lambda row: -row.finished_ns)
    return RunProgress(
        num_done=len(rows),
        num_all=num_all,
        num_embeddings=sum(row.num_embeddings for row in rows),
        files_per_second=rate,
        seconds_left=left,
        is_running=not is_whole and (now_ns - last) / 1e9 < LIVE_SECONDS,
        by_status=dict(Counter(row.status for row in rows).most_common()),
        not_whole=lost,
    )


def read_survey(folder: Path) -> dict[str, Any] | None:
    """The summary of a survey that `check --out` wrote into a folder; None where there is none.

    Raises:
        ValueError: it is damaged.
    """
    path = folder / SURVEY_FILE
    if not path.is_file():
        return None
    try:
        record = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"'{path}' is damaged ({error}). Survey the archive again.") from error
    if record.get("format") != "fused-encoder survey":
        raise ValueError(f"'{path}' is no survey. Expected what `fused-encoder check --out` wrote.")
    return record


@dataclass(frozen=True)
class TrainingRun:
    """A training run, as far as a page shows it.

    Attributes:
        name: its folder.
        classes: int.
        files: (training, held out), int.
        skipped: path and reason of files that could not be used.
        options: as it was called.
        history: what was measured in each epoch, by name.
    """

    name: str
    classes: int
    files: tuple[int, int]
    skipped: tuple[tuple[str, str], ...]
    options: Mapping[str, Any]
    history: Mapping[str, Sequence[float]]


def training_runs(folder: Path) -> list[TrainingRun]:
    """The runs in a folder: itself, and the folders in it; those that are damaged are passed over."""
    found = []
    for path in (folder / "run.json", *sorted(folder.glob("*/run.json"))):
        try:
            record = json.loads(path.read_text("utf-8"))
            sides = [
                sum(len(files) for files in record[side].values())
                for side in ("training", "held_out")
            ]
            skipped = tuple((one["path"], one["reason"]) for one in record["skipped"])
            found.append(
                TrainingRun(
                    path.parent.name or str(path.parent.resolve().name),
                    len(record["class_names"]),
                    (sides[0], sides[1]),
                    skipped,
                    record["options"],
                    record["history"],
                )
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return found
