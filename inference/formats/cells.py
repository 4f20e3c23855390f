"""Cells of CSV files: text that no spreadsheet takes for a formula, and numbers without loss."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

_LOOKS_LIKE_FORMULA = re.compile(r"'*[=+\-@\t\r]")
_GUARDED = re.compile(r"'+[=+\-@\t\r]")


def guard_cell(text: str) -> str:
    """Text that spreadsheets would run as a formula gets an apostrophe in front; other text is left alone.

    Media names come from memory cards, and names from other people: `=HYPERLINK(...)` must stay text. The
    apostrophe is what spreadsheets themselves put before such text. `unguard_cell` takes it away again.

    Example:
        >>> guard_cell("=1+1"), guard_cell("wren 3")
        ("'=1+1", 'wren 3')
    """
    return f"'{text}" if _LOOKS_LIKE_FORMULA.match(text) else text


def unguard_cell(text: str) -> str:
    """The text before `guard_cell`."""
    return text[1:] if _GUARDED.match(text) else text


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]], *, guard: bool = True) -> str:
    """A CSV file: a header, always, then a line for each row (RFC 4180; None is an empty cell).

    Floats are written with all digits they need to be read back as they are.

    Args:
        header: names of the columns.
        rows: one value for each column.
        guard: whether text is guarded against spreadsheets (`guard_cell`).
    """
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\r\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([_cell(value, guard) for value in row])
    return lines.getvalue()


def _cell(value: object, guard: bool) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return guard_cell(value) if guard else value
    if isinstance(value, bool):
        return str(value).lower()
    return repr(value) if isinstance(value, float) else str(value)


def read_csv_rows(path: str | Path) -> tuple[list[str], list[dict[str, str]]]:
    """The columns and rows of a CSV file, also of one that a spreadsheet has saved.

    Commas, semicolons or tabs between cells, and a byte order mark, are taken as they come; with
    semicolons, numbers may have decimal commas. Apostrophes before formulas are taken away.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is not text, or has no header, or a row has too many cells.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8-sig", errors="surrogateescape")
        first_line = text.split("\n", 1)[0]
        delimiter = max(",;\t", key=first_line.count)
        table = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise ValueError(f"'{path}' is no CSV file ({error}).") from error
    if not table:
        raise ValueError(f"'{path}' is empty. Expected at least a header of column names.")
    header = [cell.strip() for cell in table[0]]
    rows = []
    for number, cells in enumerate(table[1:], start=1):
        if not any(cells):
            continue
        if len(cells) > len(header) and any(cells[len(header) :]):
            raise ValueError(
                f"Row {number} of '{path}' has {len(cells)} cells, its header {len(header)}. Put text that "
                "contains the separator in double quotes."
            )
        if delimiter == ";":
            cells = [_with_point(cell) for cell in cells]
        rows.append(dict(zip(header, map(unguard_cell, cells), strict=False)))
    return header, rows


def _with_point(cell: str) -> str:
    """A number with a decimal comma as one with a point."""
    return cell.replace(",", ".") if re.fullmatch(r"-?\d+,\d+(e[+-]?\d+)?", cell, re.I) else cell
