"""The page of a review: the questions with their pictures, in one HTML file that needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from app.reports.match_picture import match_picture
from app.reports.page import data_address, templates
from individuals.review import ReviewPair
from individuals.review.sheet import COLUMNS, printable, sheet_rows
from individuals.sighting import Sighting
from individuals.sighting_file import crop_file, read_picture
from individuals.sighting_table import SightingTable
from media.atomic import write_text_atomically
from media.cells import guard_cell

PAGE_NAME = "review.html"
CHOICES = (
    ("same", "Same animal"),
    ("different", "Different animals"),
    ("cannot tell", "Cannot tell"),
)


def write_review_page(
    folder: str | Path,
    pairs: Sequence[ReviewPair],
    table: SightingTable,
    *,
    crops: str | Path,
    title: str = "One animal or two?",
    with_matches: bool = False,
) -> Path:
    """Writes `review.html`; it takes answers by mouse or keyboard and saves them as `review.csv`.

    Args:
        folder: where; made if it is not there.
        pairs: from `review_queue`.
        table: the sightings that they are of.
        crops: the folder that the sightings' crops are relative to.
        title: of the page.
        with_matches: whether what the two large pictures share is drawn below them, by lines.
    Returns:
        The path of the page.
    Raises:
        ValueError: the path of a crop leads out of its folder.
    """
    shown = {
        row: _shown(table.sightings[row], crops)
        for row in {row for pair in pairs for row in pair.rows}
    }
    questions = [
        {
            "sides": [
                ("left", [shown[row] for row in (pair.first, *pair.first_beside)]),
                ("right", [shown[row] for row in (pair.second, *pair.second_beside)]),
            ],
            "match": _match(table, pair, crops) if with_matches else None,
            "reason": pair.reason,
            "num_at_stake": pair.num_at_stake,
        }
        for pair in pairs
    ]
    page = (
        templates()
        .get_template("review.html")
        .render(
            title=title,
            questions=questions,
            choices=CHOICES,
            columns=COLUMNS,
            rows=[[guard_cell(cell) for cell in row] for row in sheet_rows(pairs, table)],
        )
    )
    return write_text_atomically(Path(folder) / PAGE_NAME, page)


def _shown(sighting: Sighting, crops: str | Path) -> dict[str, str | None]:
    picture = read_picture(crops, sighting)
    where = printable(Path(sighting.media).name)
    if sighting.time_seconds is not None:
        minutes, seconds = divmod(sighting.time_seconds, 60)
        where += f", {int(minutes)}:{seconds:04.1f}"
    return {
        "media": printable(sighting.media),
        "where": where,
        "picture": picture and data_address(*picture),
    }


def _match(
    table: SightingTable, pair: ReviewPair, crops: str | Path
) -> dict[str, str | int] | None:
    """The picture of what both sides share, and of how many points; None without two pictures to compare."""
    files = [crop_file(crops, table.sightings[row]) for row in (pair.first, pair.second)]
    if None in files:
        return None
    drawn = match_picture(*(file for file in files if file is not None))
    return drawn and {"picture": data_address("jpeg", drawn[0]), "num": drawn[1]}
