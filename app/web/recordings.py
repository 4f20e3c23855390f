"""The recordings that the pages open: of a prediction by number, uploads by their random name."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal

from app.web.jobs import Job
from individuals.outputs import write_audacity_labels, write_raven_table
from individuals.sighting import Sighting
from media.cells import csv_text
from soundscapes.events import Event
from soundscapes.outputs import events_to_sightings

Format = Literal["raven", "csv", "audacity"]
NAMES: dict[str, str] = {
    "raven": "{}.Table.1.selections.txt",
    "csv": "{}.events.csv",
    "audacity": "{}.labels.txt",
}
COLUMNS = ("file", "start_seconds", "end_seconds", "species", "score")


@dataclass(frozen=True)
class OpenRecording:
    """A recording that a page shows.

    Attributes:
        name: what addresses hold.
        title: its file's name, for people.
        path: where it is.
        events: what was heard in it.
        thresholds: of each species, from which score on it counts.
        is_certified: whether these were certified; None where nothing listened to it.
        job: that listens to it, until it has ended well; else None.
    """

    name: str
    title: str
    path: Path
    events: Sequence[Event] = ()
    thresholds: dict[str, float] | None = None
    is_certified: bool | None = None
    job: Job | None = None


def export_events(events: Sequence[Event], kind: Format, title: str) -> tuple[str, bytes]:
    """The name and the content of a file with these detections, for another program.

    Args:
        events: of one recording.
        kind: "raven" (a selection table), "audacity" (a label track) or "csv", as `classify predict` writes.
        title: of the recording, of which the file's name is made.
    """
    name = NAMES[kind].format(PurePath(title).stem)
    if kind == "csv":
        rows = [
            (e.file, f"{e.start_seconds:.3f}", f"{e.end_seconds:.3f}", e.species, f"{e.score:.6f}")
            for e in events
        ]
        return name, csv_text(COLUMNS, rows).encode("utf-8", "backslashreplace")
    writers: dict[str, Callable[[Path, Sequence[Sighting]], Path]] = {
        "raven": write_raven_table,
        "audacity": write_audacity_labels,
    }
    with tempfile.TemporaryDirectory() as folder:
        path = writers[kind](Path(folder) / "events.txt", events_to_sightings(events))
        return name, path.read_bytes()
