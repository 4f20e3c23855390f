"""The questions of a review as a CSV file, to be filled in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from individuals.crop_files import copy_crop, short_id
from individuals.review.queue import ReviewPair
from individuals.sighting_table import SightingTable
from media.cells import read_csv_rows, write_csv

CSV_NAME = "review.csv"
SIDE_COLUMNS = ("media", "seconds", "crop")
COLUMNS = (
    "pair",
    "answer",
    "first",
    "second",
    *(f"first_{column}" for column in SIDE_COLUMNS),
    *(f"second_{column}" for column in SIDE_COLUMNS),
    "individuals_now",
    "similarity",
    "probability",
    "reason",
    "first_key",
    "second_key",
)


def write_review_sheet(
    folder: str | Path,
    pairs: Sequence[ReviewPair],
    table: SightingTable,
    *,
    crops: str | Path | None = None,
) -> Path:
    """Writes `review.csv`: a row for each question, with an empty column `answer`.

    A person fills in same, different or cannot tell, and `read_review_answers` reads it again.

    Args:
        folder: where; made if it is not there. An earlier sheet is replaced, if it has no answers.
        pairs: from `review_queue`.
        table: the sightings that they are of.
        crops: the folder that the sightings' crops are relative to; the crops of the questions are copied
            to `folder` if it is another. Default: `folder`.

    Returns:
        The path of `review.csv`.

    Raises:
        FileExistsError: `review.csv` there holds answers.
        ValueError: the path of a crop leads out of its folder.
    """
    path = Path(folder) / CSV_NAME
    _refuse_answered(path)
    if crops is not None:
        for row in {row for pair in pairs for row in pair.rows}:
            copy_crop(table.sightings[row], crops, folder)
    return write_csv(path, COLUMNS, sheet_rows(pairs, table), for_excel=True)


def sheet_rows(pairs: Sequence[ReviewPair], table: SightingTable) -> list[list[str]]:
    """The cells of `COLUMNS` for each question."""
    return [_row(number, pair, table) for number, pair in enumerate(pairs, 1)]


def _row(number: int, pair: ReviewPair, table: SightingTable) -> list[str]:
    sides = [table.sightings[row] for row in (pair.first, pair.second)]
    shown = [
        cell
        for s in sides
        for cell in (
            printable(s.media),
            "" if s.time_seconds is None else f"{s.time_seconds:.2f}",
            s.crop or "",
        )
    ]
    return [
        str(number),
        "",
        *(short_id(s.key) for s in sides),
        *shown,
        " and ".join(f"#{label}" for label in dict.fromkeys(pair.individuals)),
        f"{pair.similarity:.3f}",
        f"{pair.probability:.3f}",
        pair.reason,
        *(s.key for s in sides),
    ]


def printable(text: str) -> str:
    """The text with what is no character (names of files in a damaged encoding) written out."""
    return text.encode("utf-8", "backslashreplace").decode()


def _refuse_answered(path: Path) -> None:
    if not path.is_file():
        return
    try:
        _, rows = read_csv_rows(path, *COLUMNS)
        is_answered = any(cells.get("answer") for _, cells in rows)
    except ValueError:
        is_answered = True  # changed by another program: leave it alone as well
    if is_answered:
        raise FileExistsError(
            f"'{path}' holds answers, or was changed by another program; it is left as it is. Apply the "
            "answers first (`fused-encoder review apply`), or move the file away."
        )
