"""A table of recordings: species, further species, source, rating and place, all problems at once."""

from __future__ import annotations

import ast
import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from media import AUDIO_EXTENSIONS
from soundscapes.recordings import LabelledRecording, LabelledRecordings, checked_species
from triplets.folders import named
from triplets.table import cell_text, table_rows

logger = logging.getLogger(__name__)

LABEL_COLUMNS = ("primary_label", "class", "species", "ebird_code")
FILE_COLUMNS = ("filename", "recording", "path", "file")
SOURCE_COLUMNS = ("source", "author", "recordist")
MAX_PROBLEMS = 10


def read_recordings(
    table: str | Path,
    folder: str | Path | None = None,
    *,
    source: str | None = None,
    min_rating: float = 0.0,
) -> LabelledRecordings:
    """The recordings of a table, such as the `train.csv` of BirdCLEF.

    Columns: `primary_label` (or class, species, ebird_code); `filename` (or recording, path, file); and where
    they are there, `secondary_labels` (a list as Python writes it, or names with spaces or ; between them),
    `rating`, `latitude`, `longitude`, and `source` (or `author`, `recordist`). Secondary labels of species
    that are nobody's primary label are left out, which is told.

    Args:
        table: a .csv, .parquet or .xlsx file.
        folder: what file names start from. Default: the table's folder; there `train_audio` too.
        source: the column that names what a recording comes from. Default: see above.
        min_rating: recordings that were rated lower are left out; a rating of 0 or none is no rating.

    Raises:
        FileNotFoundError: there is no such table, or none of its files.
        ValueError: a column is missing, or rows cannot be used (the first ten problems in one message).
    Reference:
        https://www.kaggle.com/competitions/birdclef-2023/data
    """
    path = Path(table)
    if not path.is_file():
        raise FileNotFoundError(f"No table at '{path}'. Expected a .csv, .parquet or .xlsx file.")
    rows = table_rows(path)
    columns = _columns(path, rows, source)
    cells = [{role: cell_text(row[name]) for role, name in columns.items()} for row in rows]
    root = _root(path, folder, cells)
    class_names = tuple(sorted({row["label"] for row in cells} - {""}))
    number = {name: index for index, name in enumerate(class_names)}
    recordings, problems, strange = [], [], Counter[str]()
    for line, row in enumerate(cells, start=2):  # the header is line 1
        try:
            recordings.append(_recording(row, root, number, strange))
        except ValueError as error:
            problems.append(f"row {line}: {error}")
    if problems:
        listed = "".join(f"\n  - {problem}" for problem in problems[:MAX_PROBLEMS])
        raise ValueError(f"{len(problems)} rows of '{path}' cannot be used:{listed}")
    if not any(recording.path.is_file() for recording in recordings):
        raise FileNotFoundError(
            f"None of the files that '{path}' names is there, such as '{recordings[0].path}'. Pass the "
            "folder that its names start from."
        )
    if strange:
        logger.warning(
            "Secondary labels of '%s' that are no recording's primary label are left out: %s.",
            *(path, named(strange)),
        )
    good = [r for r in recordings if r.rating is None or r.rating >= min_rating]
    kept = sorted({recording.primary for recording in good})
    if len(kept) < len(class_names):
        gone = named(name for name, index in number.items() if index not in kept)
        raise ValueError(
            f"No recording of {gone} is rated {min_rating:g} or better. Ask for a lower rating."
        )
    good.sort(key=lambda recording: (recording.primary, recording.path))
    return checked_species(LabelledRecordings(class_names, tuple(good)))


def _columns(
    table: Path, rows: Sequence[Mapping[str, object]], source: str | None
) -> dict[str, str]:
    names = list(rows[0]) if rows else []
    roles = {
        "label": LABEL_COLUMNS,
        "file": FILE_COLUMNS,
        "secondary": ("secondary_labels",),
        "source": SOURCE_COLUMNS if source is None else (source.casefold(),),
        "rating": ("rating",),
        "latitude": ("latitude",),
        "longitude": ("longitude",),
    }
    found = {
        role: next(name for name in wanted if name in names)
        for role, wanted in roles.items()
        if any(name in names for name in wanted)
    }
    asked = ["label", "file"] if source is None else ["label", "file", "source"]
    missing = [" or ".join(roles[role]) for role in asked if role not in found]
    if missing:
        raise ValueError(
            f"'{table}' has no column {', and none '.join(missing)}. Received the columns: "
            f"{', '.join(names) or 'none'}."
        )
    return found


def _root(table: Path, folder: str | Path | None, cells: list[dict[str, str]]) -> Path:
    if folder is not None:
        return Path(folder)
    in_train_audio = table.parent / "train_audio"
    is_there = any((in_train_audio / row["file"]).is_file() for row in cells[:100])
    return in_train_audio if is_there else table.parent


def _recording(
    row: Mapping[str, str], root: Path, number: Mapping[str, int], strange: Counter[str]
) -> LabelledRecording:
    if not row["label"] or not row["file"]:
        raise ValueError(f"the {'label' if not row['label'] else 'file name'} is empty")
    if Path(row["file"]).suffix.lower() not in AUDIO_EXTENSIONS:
        raise ValueError(
            f"'{row['file']}' is no recording by its name, expected {' '.join(sorted(AUDIO_EXTENSIONS))}"
        )
    primary = number[row["label"]]
    others = [name for name in _names(row.get("secondary", "")) if name != row["label"]]
    strange.update(name for name in others if name not in number)
    secondary = sorted({number[name] for name in others if name in number} - {primary})
    latitude, longitude = (_number(row, name) for name in ("latitude", "longitude"))
    return LabelledRecording(
        root / row["file"],
        primary,
        tuple(secondary),
        row.get("source") or None,
        _number(row, "rating") or None,
        None if latitude is None or longitude is None else (latitude, longitude),
    )


def _names(text: str) -> list[str]:
    """Names in a cell: "['a', 'b']", "a b" or "a; b"."""
    if text.startswith("["):
        try:
            return [str(name) for name in ast.literal_eval(text) if name]
        except (ValueError, SyntaxError):
            raise ValueError(f"secondary_labels is {text!r}, expected a list of names") from None
    return [name for name in re.split(r"\s*;\s*" if ";" in text else r"\s+", text) if name]


def _number(row: Mapping[str, str], name: str) -> float | None:
    text = row.get(name, "")
    try:
        return float(text) if text else None
    except ValueError:
        raise ValueError(f"{name} is {text!r}, expected a number") from None
