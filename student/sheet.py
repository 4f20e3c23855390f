"""Sheets: train, validate and test with a table each, whose feature columns are checked, not believed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from media import probe_audio
from soundscapes.recordings import LabelledRecording, LabelledRecordings, checked_species
from student.clips import StudentClips, recording_means, sources_of
from student.features import FEATURE_NAMES
from triplets.folders import SourceOf
from triplets.table import cell_text, table_rows

if TYPE_CHECKING:
    import pandas as pd

SPLITS = {
    "training": ("train",),
    "validation": ("validate", "validation", "val"),
    "held_out": ("test",),
}
FILE_COLUMN, CLASS_COLUMN, RATE_COLUMN = "file_name", "species_name", "sample_rate"
_ENDINGS = (".xlsx", ".csv", ".parquet")
_MAX_PROBLEMS = 10
_TOLERANCE = 0.05
_SCALES = {  # below it a difference is none: of numbers that may be near 0
    **{"spectral_centroid": 10.0, "spectral_rolloff": 25.0, "rms_energy": 1e-4},
    **{"zero_crossing_rate": 1e-3, "band_energy_ratio": 1e-3},
}
_MFCC_SCALE = 1.0


@dataclass(frozen=True)
class SheetRecordings:
    """The recordings of a folder with sheets.

    Attributes:
        training, validation, held_out: each of all species, though some may have none there; `validation`
            may be empty.
        given: what the sheets say of each file: numbers by column; NaN where a cell is empty.
    """

    training: LabelledRecordings
    validation: LabelledRecordings
    held_out: LabelledRecordings
    given: Mapping[Path, Mapping[str, float]]


@dataclass(frozen=True)
class SheetDifference:
    """A number of a sheet that is not what the file says."""

    path: Path
    column: str
    given: float
    found: float


def is_sheet_folder(folder: str | Path) -> bool:
    """Whether a folder has a sheet for its sub-folder `train`."""
    root = Path(folder)
    return (root / "train").is_dir() and _sheet_of(root, "train") is not None


def read_sheets(folder: str | Path, *, source_of: SourceOf | None = None) -> SheetRecordings:
    """Reads `train/`, `test/` and `validate/` with their `*_metadata.xlsx`, `.csv` or `.parquet`.

    A sheet lies in its sub-folder or beside it (`train_metadata.xlsx`). Columns: `file_name` (from the
    sub-folder on), `species_name`, and where they are there `source`, `sample_rate`, the 18 features and any
    other numbers.

    Args:
        folder: with the sub-folders.
        source_of: names what a file comes from, in place of the column `source`.

    Raises:
        FileNotFoundError: a sub-folder or sheet is missing.
        ValueError: rows cannot be used (the first ten problems in one message), or one source, or the same
            sound, is on two sides.
    """
    root = Path(folder)
    rows: dict[str, list[_Row]] = {}
    problems: list[str] = []
    for side, names in SPLITS.items():
        name = next((n for n in names if (root / n).is_dir()), None)
        sheet = name and _sheet_of(root, name)
        if name is None or not sheet:
            if side == "validation":
                rows[side] = []
                continue
            raise FileNotFoundError(
                f"No sheet for '{root / names[0]}'. Expected '{names[0]}_metadata.xlsx', .csv or .parquet in "
                "that folder or beside it; `fused-encoder student features` writes one."
            )
        rows[side] = _rows(sheet, root / name, source_of, problems)
    if problems:
        listed = "".join(f"\n  - {problem}" for problem in problems[:_MAX_PROBLEMS])
        raise ValueError(f"{len(problems)} rows of sheets in '{root}' cannot be used:{listed}")
    classes = tuple(sorted({row.label for side in rows.values() for row in side}))
    sides = {side: _recordings(classes, found) for side, found in rows.items()}
    checked_species(sides["training"])
    _check_apart(sides)
    given = {row.path: row.numbers for side in rows.values() for row in side}
    return SheetRecordings(sides["training"], sides["validation"], sides["held_out"], given)


def sheet_differences(
    clips: StudentClips, given: Mapping[Path, Mapping[str, float]]
) -> list[SheetDifference]:
    """Where a sheet's sample rate or features are not what the files say.

    The features are the means over a file's clips, see `sound_features`: a sheet that another program made
    at another rate, with other windows, differs. A difference is more than 5 % and more than a trifle (10
    Hz, 0.001, 1 dB). Training uses what the files say, never the sheet.

    Args:
        clips: from `prepare_clips`.
        given: `SheetRecordings.given`.

    Returns:
        The differences in the order of the recordings.
    """
    differences = []
    for one, row in zip(clips.recordings, feature_rows(clips), strict=True):
        said = given.get(one.path, {})
        for column in (RATE_COLUMN, *FEATURE_NAMES):
            told, found = said.get(column, float("nan")), row[column]
            scale = 0.5 if column == RATE_COLUMN else _SCALES.get(column, _MFCC_SCALE)
            share = 0.0 if column == RATE_COLUMN else _TOLERANCE
            if not np.isnan(told) and abs(told - found) > max(scale, share * abs(found)):
                differences.append(SheetDifference(one.path, column, told, found))
    return differences


def feature_table(clips: StudentClips) -> pd.DataFrame:
    """A sheet of recordings: file_name, species_name, sample_rate (the file's own), and the 18 features."""
    import pandas as pd

    names = clips.recordings.class_names
    rows = [
        {FILE_COLUMN: one.path.name, CLASS_COLUMN: names[one.primary], **row}
        for one, row in zip(clips.recordings, feature_rows(clips), strict=True)
    ]
    return pd.DataFrame(rows, columns=[FILE_COLUMN, CLASS_COLUMN, RATE_COLUMN, *FEATURE_NAMES])


def feature_rows(clips: StudentClips) -> list[dict[str, float]]:
    """Of each recording its own sample rate in Hz and the means of its clips' features."""
    means = recording_means(clips.features, clips.recording_of)
    return [
        {
            RATE_COLUMN: probe_audio(one.path).sample_rate_hz,
            **dict(zip(FEATURE_NAMES, map(float, mean), strict=True)),
        }
        for one, mean in zip(clips.recordings, means, strict=True)
    ]


@dataclass(frozen=True)
class _Row:
    path: Path
    label: str
    source: str | None
    numbers: Mapping[str, float]


def _sheet_of(root: Path, name: str) -> Path | None:
    inside = [p for p in (root / name).glob("*metadata*") if p.suffix.lower() in _ENDINGS]
    beside = [p for p in root.glob(f"{name}*metadata*") if p.suffix.lower() in _ENDINGS]
    return next(iter(sorted(inside) + sorted(beside)), None)


def _rows(sheet: Path, folder: Path, source_of: SourceOf | None, problems: list[str]) -> list[_Row]:
    rows = []
    for line, cells in enumerate(table_rows(sheet), start=2):  # the header is line 1
        name, label = (cell_text(cells.get(c, "")) for c in (FILE_COLUMN, CLASS_COLUMN))
        if not name or not label:
            missing = CLASS_COLUMN if name else FILE_COLUMN
            problems.append(f"'{sheet.name}', row {line}: {missing} is empty or not there")
            continue
        places = (folder / name, folder / label / name, folder.parent / name)
        path = next((place for place in places if place.is_file()), None)
        if path is None:
            problems.append(f"'{sheet.name}', row {line}: there is no '{places[0]}'")
            continue
        source = source_of(path) if source_of else cell_text(cells.get("source", "")) or None
        rows.append(_Row(path, label, source, _numbers(cells)))
    return rows


def _numbers(cells: Mapping[str, object]) -> dict[str, float]:
    numbers = {}
    for column, cell in cells.items():
        if column not in (FILE_COLUMN, CLASS_COLUMN, "source"):
            try:
                numbers[column] = float(cell_text(cell) or "nan")
            except ValueError:  # a text, such as a remark
                continue
    return numbers


def _recordings(classes: tuple[str, ...], rows: Iterable[_Row]) -> LabelledRecordings:
    found = [LabelledRecording(r.path, classes.index(r.label), source=r.source) for r in rows]
    found.sort(key=lambda one: (one.primary, one.path))
    return LabelledRecordings(classes, tuple(found))


def _check_apart(sides: Mapping[str, LabelledRecordings]) -> None:
    """Neither a tape nor a copy of a file may be on two sides."""
    found: dict[str, tuple[str, Path]] = {}
    shared = []
    for side, recordings in sides.items():
        plain = LabelledRecordings(recordings.class_names, _unnamed(recordings))
        for names in (sources_of(recordings), sources_of(plain)):
            for one, name in zip(recordings, names, strict=True):
                other, path = found.setdefault(name, (side, one.path))
                if other != side:
                    shared.append(f"'{path}' and '{one.path}'")
    if shared:
        listed = "".join(f"\n  - {pair}" for pair in dict.fromkeys(shared[:_MAX_PROBLEMS]))
        raise ValueError(
            f"{len(shared)} times a source, or the same sound, is on two sides of the split, which makes "
            f"figures better than they are:{listed}\nMove them to one side."
        )


def _unnamed(recordings: LabelledRecordings) -> tuple[LabelledRecording, ...]:
    return tuple(replace(one, source=None) for one in recordings)
