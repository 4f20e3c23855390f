"""A table in place of folders: one row per photo or recording, with its class and what it comes from."""

from __future__ import annotations

import ast
import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from media import AUDIO_EXTENSIONS, IMAGE_EXTENSIONS, PhotoBox
from triplets.folders import LabelledFiles, MediaFile, named

logger = logging.getLogger(__name__)

CLASS_COLUMNS = ("class", "identity")
IMAGE_COLUMNS = ("image", "path")
SOURCE_COLUMNS = ("source", "encounter", "date")
BOX_COLUMNS = ("box", "bbox")
TRAINING_SPLITS = ("", "train", "training", "database", "gallery")
HELD_OUT_SPLITS = ("test", "val", "valid", "validation", "query", "held_out", "held-out")
UNKNOWN = ("", "unknown", "nan", "none")
MAX_PROBLEMS = 10

Row = Mapping[str, object]  # column name -> cell


def read_table(
    path: str | Path, *, source: str | None = None
) -> tuple[LabelledFiles, LabelledFiles | None]:
    """Photos and recordings from a table, in place of class folders.

    Columns: `class` (or `identity`); `image` (or `path`) and `recording`, either or both in a row, paths from
    the table's folder on; and where they are there, `source` (or `encounter`, or `date`: what a class has
    of one day is then of one source), `split` ("train" or "test"), and `box` (or `bbox`): left, top, width
    and height of the animal in pixels, such as "[10, 20, 300, 200]". So the `metadata.csv` of
    wildlife-datasets is read as it is. Rows whose class is empty or "unknown" are left out, which is told.

    Args:
        path: a .csv (UTF-8, with a header), .parquet or .xlsx file (its first sheet).
        source: the column that names what a file comes from. Default: see above.

    Returns:
        The files to train on, and those that the column `split` holds out (None where it holds none out).

    Raises:
        FileNotFoundError: there is no such file, or none of the files that it names.
        ValueError: a column is missing, or rows cannot be used (the first ten problems in one message).
    Reference:
        Čermák et al., "WildlifeDatasets", 2024, https://github.com/WildlifeDatasets/wildlife-datasets.
    """
    table = Path(path)
    if not table.is_file():
        raise FileNotFoundError(f"No table at '{table}'. Expected a .csv, .parquet or .xlsx file.")
    rows = table_rows(table)
    columns = _columns(table, rows, source)
    entries: list[_Entry] = []
    problems: list[str] = []
    num_unknown = 0
    for number, row in enumerate(rows, start=2):  # the header is line 1
        cells = {role: cell_text(row[column]) for role, column in columns.items()}
        if cells["class"].casefold() in UNKNOWN:
            num_unknown += 1
            continue
        try:
            entries += _entries(cells, table.parent, columns.get("source", ""))
        except ValueError as error:
            problems.append(f"row {number}: {error}")
    if problems:
        listed = "".join(f"\n  - {problem}" for problem in problems[:MAX_PROBLEMS])
        raise ValueError(f"{len(problems)} rows of '{table}' cannot be used:{listed}")
    if num_unknown:
        logger.warning("%d rows of '%s' name no class: left out.", num_unknown, table)
    if entries and not any(entry.path.is_file() for entry in entries):
        raise FileNotFoundError(
            f"None of the files that '{table}' names is there, such as '{entries[0].path}'. Paths are read "
            "from the table's folder on."
        )
    training = [entry for entry in entries if not entry.is_held_out]
    held_out = [entry for entry in entries if entry.is_held_out]
    class_names = tuple(sorted({entry.class_name for entry in training}))
    strange = {entry.class_name for entry in held_out} - {*class_names}
    if strange:
        logger.warning(
            "Classes that are in the test rows of '%s' only are left out: %s.",
            table,
            named(strange),
        )
    known = [entry for entry in held_out if entry.class_name not in strange]
    return _labelled(training, class_names), _labelled(known, class_names) if known else None


@dataclass(frozen=True)
class _Entry:
    role: str  # "image" or "recording"
    path: Path
    class_name: str
    is_held_out: bool
    source: str | None
    box: PhotoBox | None


def table_rows(table: Path) -> list[Row]:
    """The rows of a .csv, .parquet or .xlsx file as dictionaries; names of columns in lower case.

    Raises:
        ValueError: it is of another kind, or cannot be read.
    """
    import pandas as pd

    try:
        if table.suffix.lower() == ".csv":
            frame = pd.read_csv(table, dtype=str, keep_default_na=False, encoding="utf-8-sig")
        elif table.suffix.lower() == ".parquet":
            frame = pd.read_parquet(table)
        elif table.suffix.lower() == ".xlsx":
            frame = pd.read_excel(table, dtype=str, keep_default_na=False)
        else:
            raise ValueError("expected .csv, .parquet or .xlsx")
    except Exception as error:  # each of the three readers raises errors of its own
        raise ValueError(f"'{table}' cannot be read as a table: {error}.") from error
    frame.columns = [str(name).strip().casefold() for name in frame.columns]
    return frame.to_dict("records")


def _columns(table: Path, rows: list[Row], source: str | None) -> dict[str, str]:
    """Which column plays which role."""
    names = list(rows[0]) if rows else []
    roles = {
        "class": CLASS_COLUMNS,
        "image": IMAGE_COLUMNS,
        "recording": ("recording",),
        "source": SOURCE_COLUMNS if source is None else (source.casefold(),),
        "split": ("split",),
        "box": BOX_COLUMNS,
    }
    found = {
        role: next(name for name in wanted if name in names)
        for role, wanted in roles.items()
        if any(name in names for name in wanted)
    }
    if "class" not in found or not found.keys() & {"image", "recording"}:
        raise ValueError(
            f"Expected '{table}' to have a column 'class' (or 'identity') and 'image' (or 'path') or "
            f"'recording', with at least one row. Received the columns: {', '.join(names) or 'none'}."
        )
    if source is not None and "source" not in found:
        raise ValueError(
            f"'{table}' has no column '{source}'. Received the columns: {', '.join(names)}."
        )
    return found


def cell_text(cell: object) -> str:
    """What a cell says; "" where it is empty."""
    is_empty = cell is None or (isinstance(cell, float) and math.isnan(cell))
    return "" if is_empty else str(cell).strip()


def _entries(cells: Mapping[str, str], folder: Path, source_column: str) -> Iterator[_Entry]:
    """The photo and the recording of a row.

    Raises:
        ValueError: it has neither, or a cell is not what it should be.
    """
    split, source = cells.get("split", "").casefold(), cells.get("source") or None
    if split not in (*TRAINING_SPLITS, *HELD_OUT_SPLITS):
        raise ValueError(f"split is '{cells['split']}', expected 'train' or 'test'")
    if source is not None and source_column == "date":
        source = f"{cells['class']} {source}"
    box = _box(cells.get("box", ""))
    if not cells.get("image") and not cells.get("recording"):
        raise ValueError("it names neither a photo nor a recording")
    for role, extensions in (("image", IMAGE_EXTENSIONS), ("recording", AUDIO_EXTENSIONS)):
        if name := cells.get(role):
            if Path(name).suffix.lower() not in extensions:
                raise ValueError(
                    f"{role} is '{name}', expected a file of {' '.join(sorted(extensions))}"
                )
            own_box = box if role == "image" else None
            yield _Entry(
                role, folder / name, cells["class"], split in HELD_OUT_SPLITS, source, own_box
            )


def _box(text: str) -> PhotoBox | None:
    if not text:
        return None
    try:
        left, top, width, height = map(float, ast.literal_eval(text))
        is_box = min(left, top) >= 0 and min(width, height) > 0
    except (ValueError, SyntaxError, TypeError):
        is_box = False
    if not is_box:
        raise ValueError(f"box is '{text}', expected pixels '[left, top, width, height]'")
    return left, top, width, height


def _labelled(entries: list[_Entry], class_names: tuple[str, ...]) -> LabelledFiles:
    number = {name: index for index, name in enumerate(class_names)}
    images, recordings = (
        tuple(
            MediaFile(entry.path, number[entry.class_name], entry.source, entry.box)
            for entry in sorted(entries, key=lambda entry: (entry.class_name, entry.path))
            if entry.role == role
        )
        for role in ("image", "recording")
    )
    return LabelledFiles(class_names, images, recordings)
