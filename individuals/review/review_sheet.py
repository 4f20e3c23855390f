"""The review as files: a CSV to fill in, and a page to look at and fill in, with thumbnails beside."""

from __future__ import annotations

import base64
import csv
import html
import json
import re
from collections.abc import Sequence
from pathlib import Path

from individuals.catalogue.spreadsheet import harmless, printable, write_spreadsheet
from individuals.crops import read_picture, short_id
from individuals.review.review_page import PAGE, SCRIPT, STYLE
from individuals.review.review_queue import ReviewPair
from individuals.sighting import Sighting
from individuals.sighting_table import SightingTable

CSV_NAME, PAGE_NAME = "review.csv", "review.html"
COLUMNS = (
    "pair",
    "answer",
    "first",
    "second",
    "first_media",
    "first_seconds",
    "first_crop",
    "second_media",
    "second_seconds",
    "second_crop",
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
    title: str = "One animal or two?",
) -> Path:
    """Write `review.csv` and `review.html`.

    The CSV has one row per question with an empty column `answer`, to be filled in with same, different or
    cannot tell. The page shows the same questions with their pictures inside, takes answers by mouse or
    keyboard, and saves them as such a CSV; it needs no network.

    Args:
        folder: where; made if it is not there. An earlier sheet is replaced, if it has no answers.
        pairs: from `review_queue`.
        table: the sightings that they are of.
        crops: the folder that the sightings' crops are relative to; those that are shown are copied to
            `folder` if it is another. Default: `folder`.
        title: of the page.

    Returns:
        The path of `review.html`.

    Raises:
        FileExistsError: `review.csv` there holds answers.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    _refuse_answered(target / CSV_NAME)
    source = target if crops is None else Path(crops)
    shown = {r for p in pairs for r in (p.first, p.second, *p.first_beside, *p.second_beside)}
    pictures = {row: _picture(table.sightings[row], source, target) for row in shown}
    rows = [_row(number, pair, table) for number, pair in enumerate(pairs, 1)]
    write_spreadsheet(target / CSV_NAME, COLUMNS, rows)
    questions = "\n".join(
        _question(number, len(pairs), pair, table, pictures) for number, pair in enumerate(pairs, 1)
    )
    data = json.dumps({"columns": COLUMNS, "rows": rows}).replace("<", "\\u003c")
    parts = {
        "TITLE": html.escape(title),
        "STYLE": STYLE,
        "SCRIPT": SCRIPT,
        "DATA": data,
        "NUM": str(len(pairs)),
        "QUESTIONS": questions or "<p>There is nothing to ask.</p>",
    }
    page = re.sub(r"@([A-Z]+)@", lambda place: parts[place[1]], PAGE)
    path = target / PAGE_NAME
    path.write_text(page, encoding="utf-8", errors="backslashreplace")
    return path


def _refuse_answered(path: Path) -> None:
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        reader = csv.DictReader(file)
        answered = [row for row in reader if str(row.get("answer") or "").strip()]
        # a spreadsheet may have written other delimiters: leave such a file alone as well
        is_ours = "answer" in (reader.fieldnames or ())
    if answered or not is_ours:
        raise FileExistsError(
            f"'{path}' holds answers, or was changed by another program; it is left as it is. Apply the "
            "answers first (`fused-encoder review apply`), or move the file away."
        )


def _picture(sighting: Sighting, source: Path, target: Path) -> str | None:
    """The crop as a data URI; None where there is no picture. It is copied where the sheet is elsewhere."""
    picture = read_picture(source, sighting)
    if picture is None or sighting.crop is None:
        return None
    kind, data = picture
    copy = target / sighting.crop
    if not copy.is_file():
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(data)
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _row(number: int, pair: ReviewPair, table: SightingTable) -> list[str]:
    first, second = table.sightings[pair.first], table.sightings[pair.second]
    one, other = pair.individuals
    cells = [
        str(number),
        "",
        short_id(first.key),
        short_id(second.key),
        first.media,
        _seconds(first),
        first.crop or "",
        second.media,
        _seconds(second),
        second.crop or "",
        f"#{one}" if one == other else f"#{one} and #{other}",
        f"{pair.similarity:.3f}",
        f"{pair.probability:.3f}",
        pair.reason,
        first.key,
        second.key,
    ]
    return [harmless(cell) for cell in cells]


def _seconds(sighting: Sighting) -> str:
    return "" if sighting.time_seconds is None else f"{sighting.time_seconds:.2f}"


def _question(
    number: int,
    num: int,
    pair: ReviewPair,
    table: SightingTable,
    pictures: dict[int, str | None],
) -> str:
    sides = "".join(
        f'<div class="side">{_figure(row, table, pictures, side)}<div class="beside">'
        + "".join(_small(other, table, pictures, side) for other in beside)
        + "</div></div>"
        for side, row, beside in (
            ("left", pair.first, pair.first_beside),
            ("right", pair.second, pair.second_beside),
        )
    )
    choices = "".join(
        f'<label><input type="radio" name="pair{number}" value="{value}"> {text}'
        f" <kbd>{key}</kbd></label>"
        for value, text, key in (
            ("same", "Same animal", 1),
            ("different", "Different animals", 2),
            ("cannot tell", "Cannot tell", 3),
        )
    )
    return (
        f'<li><fieldset id="pair{number}" tabindex="-1"><legend>Pair {number} of {num}: one animal or two?'
        f'</legend><div class="sides">{sides}</div><p class="reason">{html.escape(pair.reason)}; '
        f"{pair.num_at_stake} sighting{'s' if pair.num_at_stake > 1 else ''} at stake</p>"
        f'<div class="choices">{choices}</div></fieldset></li>'
    )


def _where(sighting: Sighting) -> str:
    name = printable(Path(sighting.media).name)
    if sighting.time_seconds is None:
        return name
    minutes, seconds = divmod(sighting.time_seconds, 60)
    return f"{name}, {int(minutes)}:{seconds:04.1f}"


def _figure(row: int, table: SightingTable, pictures: dict[int, str | None], side: str) -> str:
    sighting = table.sightings[row]
    where = html.escape(_where(sighting))
    full = html.escape(printable(sighting.media), quote=True)
    picture = pictures[row]
    if picture is None:
        shown = f'<div class="none">no picture; look or listen there:<br>{full}</div>'
    else:
        shown = f'<img src="{picture}" alt="The animal on the {side}: {where}">'
    return f'<figure>{shown}<figcaption title="{full}">{where}</figcaption></figure>'


def _small(row: int, table: SightingTable, pictures: dict[int, str | None], side: str) -> str:
    where = html.escape(_where(table.sightings[row]), quote=True)
    picture = pictures[row]
    if picture is None:
        return ""
    return f'<img src="{picture}" alt="Also counted with the {side} one: {where}" title="{where}">'
