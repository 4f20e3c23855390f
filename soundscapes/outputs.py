"""What a prediction writes: tables of recordings, segments, events and files; labels for Raven, Audacity."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Self

import numpy as np
import pyarrow

from archives.embed.rows import Skipped
from individuals.outputs import write_audacity_labels, write_raven_table
from individuals.outputs.calls import AUDACITY_SUFFIX, RAVEN_SUFFIX
from individuals.outputs.media_details import distinct_file_names
from individuals.sighting import Sighting
from soundscapes.events import Event
from soundscapes.recording_scores import RecordingScores
from soundscapes.table_files import CsvRows, ParquetRows, csv_rows, parquet_rows

SUBMISSION, BIRDCLEF, FILES = "submission.csv", "birdclef.csv", "files.csv"
SEGMENTS, RECORDINGS = "segments.parquet", "recordings.parquet"
EVENTS_CSV, EVENTS_PARQUET = "events.csv", "events.parquet"
SPECIES, CONFIDENCE = "species.csv", "confidence.csv"
RAVEN, AUDACITY = "raven", "audacity"
_NUM_BINS = 20
_ROWS_AT_ONCE = 5_000  # of a long recording
_EVENTS_SCHEMA = pyarrow.schema(
    {
        "file": pyarrow.string(),
        "start_seconds": pyarrow.float64(),
        "end_seconds": pyarrow.float64(),
        "species": pyarrow.string(),
        "score": pyarrow.float32(),
    }
)
_FILE_COLUMNS = (
    *("file", "status", "reason", "decoded_seconds", "num_segments", "num_heard"),
    *("predicted_species", "confidence", "not_heard", "clipped", "notes"),
)


@dataclass
class SpeciesCount:
    """How often a species was above its threshold; recordings are those with an event of it."""

    num_recordings: int = 0
    num_segments: int = 0
    num_events: int = 0
    seconds: float = 0.0


class PredictionWriter:
    """Writes a prediction, recording by recording. Use as a context: tables appear whole, or not at all.

    Args:
        folder: exists.
        files: names of all recordings, so that label files get names of their own.
        class_names: the species.
        thresholds: float [num_classes].
        segment_seconds: float > 0.
    """

    def __init__(
        self,
        folder: Path,
        files: Sequence[str],
        class_names: Sequence[str],
        thresholds: np.ndarray,
        segment_seconds: float,
    ) -> None:
        self._folder, self._names = folder, tuple(class_names)
        self._thresholds, self._segment_seconds = thresholds, segment_seconds
        self._labels = {
            suffix: distinct_file_names(files, suffix) for suffix in (RAVEN_SUFFIX, AUDACITY_SUFFIX)
        }
        self.counts = {name: SpeciesCount() for name in self._names}
        self.by_status: Counter[str] = Counter()
        self._histogram = np.zeros((_NUM_BINS, 2), int)
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        scores = [(name, pyarrow.float32()) for name in self._names]
        text, seconds = pyarrow.string(), pyarrow.float64()
        places = [("file", text), ("start_seconds", seconds), ("end_seconds", seconds)]
        self._segments = self._table(SEGMENTS, pyarrow.schema([*places, *scores]))
        self._recordings = self._table(RECORDINGS, pyarrow.schema([("file", text), *scores]))
        self._events = self._table(EVENTS_PARQUET, _EVENTS_SCHEMA)
        self._events_csv = self._csv(EVENTS_CSV, _EVENTS_SCHEMA.names)
        self._files = self._csv(FILES, _FILE_COLUMNS)
        self._submission = self._csv(SUBMISSION, ("filename", "predicted_species", "confidence"))
        self._birdclef = self._csv(BIRDCLEF, ("row_id", *self._names))
        return self

    def __exit__(self, *error: object) -> bool | None:
        if error[0] is None:
            self._write_counts()
        return self._stack.__exit__(*error)  # type: ignore[arg-type] # as it was given

    def write(
        self,
        scores: RecordingScores,
        events: Sequence[Event],
        shown: RecordingScores | None = None,
    ) -> None:
        """All that is known of one recording.

        Args:
            scores: of it, which are counted.
            events: found in it.
            shown: its scores as the tables have them, such as smoothed ones. Default: as they are counted.
        """
        shown = shown or scores
        self.by_status[scores.row.status] += 1
        best = int(np.nanargmax(shown.recording)) if shown.is_heard else None
        self._files.writerow(self._file_cells(shown, best))
        if best is not None:
            certain = float(shown.recording[best])
            name = PurePath(scores.file).name
            self._submission.writerow((name, self._names[best], f"{certain:.6f}"))
        self._write_scores(shown)
        self._write_events(scores.file, events)
        self._count(scores, events)

    def _write_scores(self, scores: RecordingScores) -> None:
        ends = self._segment_seconds * np.arange(1, len(scores.segments) + 1)
        starts = ends - self._segment_seconds
        last = np.minimum(ends, scores.row.decoded_seconds or 0.0)
        for first in range(0, len(ends), _ROWS_AT_ONCE):
            some = slice(first, first + _ROWS_AT_ONCE)
            files = pyarrow.array([scores.file] * len(ends[some]))
            places = [files, starts[some], last[some]]
            table = _scores_table(places, scores.segments[some], self._segments.schema)
            self._segments.add(table)
        if scores.is_heard:
            rows = [pyarrow.array([scores.file])]
            table = _scores_table(rows, scores.recording[None], self._recordings.schema)
            self._recordings.add(table)
        stem = PurePath(scores.file).stem
        for end, row in zip(ends, scores.segments, strict=True):
            cells = ("" if np.isnan(score) else f"{score:.6f}" for score in row)
            self._birdclef.writerow((f"{stem}_{end:g}", *cells))

    def _write_events(self, file: str, events: Sequence[Event]) -> None:
        if not events:
            return
        rows = [vars(event) for event in events]
        self._events.add(pyarrow.Table.from_pylist(rows, schema=_EVENTS_SCHEMA))
        for event in events:
            times = f"{event.start_seconds:.3f}", f"{event.end_seconds:.3f}"
            self._events_csv.writerow((event.file, *times, event.species, f"{event.score:.6f}"))
        sightings = events_to_sightings(events)
        raven, audacity = (self._labels[end][file] for end in (RAVEN_SUFFIX, AUDACITY_SUFFIX))
        write_raven_table(self._folder / RAVEN / raven, sightings)
        write_audacity_labels(self._folder / AUDACITY / audacity, sightings)

    def _count(self, scores: RecordingScores, events: Iterable[Event]) -> None:
        for species in {event.species for event in events}:
            self.counts[species].num_recordings += 1
        for event in events:
            count = self.counts[event.species]
            count.num_events += 1
            count.seconds += event.end_seconds - event.start_seconds
        segments = (scores.segments > self._thresholds).sum(axis=0)
        for name, num in zip(self._names, segments.tolist(), strict=True):
            self.counts[name].num_segments += num
        best = np.fmax.reduce(scores.segments, axis=1) if len(scores.segments) else np.zeros(0)
        tops = (best, np.fmax.reduce(scores.recording, keepdims=True))
        for column, values in enumerate(tops):
            known = values[~np.isnan(values)]
            counts, _ = np.histogram(known, bins=_NUM_BINS, range=(0, 1))
            self._histogram[:, column] += counts

    def _file_cells(self, scores: RecordingScores, best: int | None) -> list[object]:
        row, heard = scores.row, ~np.isnan(scores.segments).all(axis=1)
        return [
            *(row.file, row.status, row.reason or ""),
            "" if row.decoded_seconds is None else f"{row.decoded_seconds:.3f}",
            *(len(heard), int(heard.sum())),
            "" if best is None else self._names[best],
            "" if best is None else f"{scores.recording[best]:.6f}",
            _stretches(row.skipped),
            _stretches(scores.clipped),
            "; ".join(row.notes),
        ]

    def _write_counts(self) -> None:
        names = "num_recordings", "num_segments", "num_events", "seconds"
        table = self._csv(SPECIES, ("species", "threshold", *names))
        for name, threshold in zip(self._names, self._thresholds, strict=True):
            count = self.counts[name]
            numbers = count.num_recordings, count.num_segments, count.num_events
            table.writerow((name, f"{threshold:.6f}", *numbers, f"{count.seconds:.3f}"))
        table = self._csv(CONFIDENCE, ("from", "to", "num_segments", "num_recordings"))
        for number, row in enumerate(self._histogram.tolist()):
            edges = number / _NUM_BINS, (number + 1) / _NUM_BINS
            table.writerow((*(f"{edge:g}" for edge in edges), *row))

    def _csv(self, name: str, columns: Sequence[str]) -> CsvRows:
        return self._stack.enter_context(csv_rows(self._folder / name, columns))

    def _table(self, name: str, schema: pyarrow.Schema) -> ParquetRows:
        return self._stack.enter_context(parquet_rows(self._folder / name, schema))


def events_to_sightings(events: Iterable[Event]) -> list[Sighting]:
    """Events as sightings, which Raven's and Audacity's writers take; the score goes where Raven has one."""
    return [
        Sighting(
            media=event.file,
            modality="audio",
            start_seconds=event.start_seconds,
            end_seconds=event.end_seconds,
            species=event.species,
            probability=event.score,
        )
        for event in events
    ]


def _scores_table(
    places: Sequence[pyarrow.Array], scores: np.ndarray, schema: pyarrow.Schema
) -> pyarrow.Table:
    """NaN becomes null: nothing was heard there."""
    columns = [pyarrow.array(column, from_pandas=True) for column in scores.T]
    return pyarrow.table([*places, *columns], schema=schema)


def _stretches(stretches: Iterable[Skipped]) -> str:
    """Such as "12.50-15.00 silent"."""
    return "; ".join(
        f"{one.start_seconds:.2f}-{one.end_seconds:.2f} {one.reason}" for one in stretches
    )
