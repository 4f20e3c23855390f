"""`HeardFolder`: what `classify predict` wrote, as the pages ask for it."""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from soundscapes.events import Event
from soundscapes.outputs import EVENTS_PARQUET, FILES

PREDICTION = "prediction.json"


@dataclass(frozen=True)
class HeardFile:
    """A recording that was listened to.

    Attributes:
        number: int, its place in the folder's table: what addresses of pages hold, never its name.
        file: its path as it was typed.
        status: what became of it, such as "ok" or "unreadable".
        reason: why it is not ok; "" where it is.
        seconds: float >= 0, of sound that was decoded.
        num_events: int.
    """

    number: int
    file: str
    status: str
    reason: str
    seconds: float
    num_events: int


class HeardFolder:
    """Recordings, detections and settings of one prediction.

    Args:
        folder: that `classify predict --out` wrote.
    Raises:
        FileNotFoundError: it is none.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        for name in (FILES, EVENTS_PARQUET, PREDICTION):
            if not (self.folder / name).is_file():
                raise FileNotFoundError(
                    f"There is no {name} in '{self.folder}'. Expected a folder that `fused-encoder classify "
                    "predict ... --out DIR` wrote."
                )

    @cached_property
    def prediction(self) -> dict[str, Any]:  # as JSON gives it
        """What it was made with: thresholds, events, versions."""
        return json.loads((self.folder / PREDICTION).read_text("utf-8"))

    @cached_property
    def files(self) -> list[HeardFile]:
        """All recordings, in their order."""
        num_events = {file: len(events) for file, events in self._events.items()}
        with (self.folder / FILES).open(newline="", encoding="utf-8") as opened:
            return [
                HeardFile(
                    number,
                    row["file"],
                    row["status"],
                    row["reason"],
                    float(row["decoded_seconds"] or 0),
                    num_events.get(row["file"], 0),
                )
                for number, row in enumerate(csv.DictReader(opened))
            ]

    @cached_property
    def every_event(self) -> list[Event]:
        """The detections in all recordings."""
        return [event for events in self._events.values() for event in events]

    def events_of(self, file: str) -> list[Event]:
        """The detections in one recording, in the order of their starts."""
        return self._events.get(file, [])

    def path_of(self, file: HeardFile) -> Path:
        """Where the recording is now.

        Raises:
            FileNotFoundError: neither as it was typed, nor beside the folder.
        """
        typed = Path(file.file)
        near = [self.folder.parent / Path(*typed.parts[k:]) for k in range(len(typed.parts))]
        for path in (typed, *(one for one in near if not typed.is_absolute())):
            if path.is_file():
                return path
        raise FileNotFoundError(
            f"The recording '{file.file}' is not there any more. Start the service in the folder in which "
            "`classify predict` was run."
        )

    @property
    def is_certified(self) -> bool:
        """Whether the thresholds are certified, of the species that could be."""
        return bool(self.prediction.get("certified"))

    @property
    def thresholds(self) -> dict[str, float]:
        """Of each species, the score from which on it was taken to be there."""
        return self.prediction["thresholds"]

    @cached_property
    def _events(self) -> dict[str, list[Event]]:
        import pyarrow.parquet

        found: dict[str, list[Event]] = {}
        table = pyarrow.parquet.read_table(self.folder / EVENTS_PARQUET)
        for row in table.to_pylist():
            found.setdefault(row["file"], []).append(Event(**row))
        return found
