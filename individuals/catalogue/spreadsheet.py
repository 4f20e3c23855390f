"""Tables that people open in spreadsheets: written so that they survive it, read whatever came back."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from media.cells import guard_cell


def write_spreadsheet(
    path: str | Path, columns: Sequence[str], rows: Iterable[Sequence[str]]
) -> Path:
    """A CSV in UTF-8 with the mark by which Excel knows it; cells that look like formulas are made text.

    Args:
        path: of the file; it appears whole or not at all.
        columns: names.
        rows: cells, as many as columns.

    Returns:
        The path.
    """
    text = io.StringIO()
    csv.writer(text).writerows([columns, *([harmless(cell) for cell in row] for row in rows)])
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f"{target.name}.part")
    temporary.write_text(text.getvalue(), encoding="utf-8-sig", newline="")
    temporary.replace(target)
    return target


def harmless(cell: str) -> str:
    """The cell, with a quote in front where a spreadsheet would run it; numbers below 0 stay numbers."""
    text = printable(cell)
    return text if text.startswith("'") else guard_cell(text)


def printable(text: str) -> str:
    """The text with what is no character (names of files in a damaged encoding) written out."""
    return text.encode("utf-8", "backslashreplace").decode()


def read_spreadsheet(
    path: str | Path, needed: Sequence[str], *, remedy: str
) -> Iterator[tuple[int, dict[str, str]]]:
    """Row numbers as the spreadsheet shows them (the header is row 1), and cells by column.

    Semicolons or tabs, a byte order mark, UTF-16 or Windows' own encoding, other orders of rows and columns,
    more columns, capitals in the header, and empty rows are all understood.

    Args:
        path: of the file.
        needed: columns that must be there, in small letters.
        remedy: what to do if they are not, for the message.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a column is missing.
    """
    text = _decoded(Path(path).read_bytes()).lstrip("\ufeff")
    first_row = 1
    if text.casefold().startswith("sep="):  # Excel's own hint
        text, first_row = text.partition("\n")[2], 2
    delimiter = max(",;\t", key=text.partition("\n")[0].count)
    rows = enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), first_row)
    filled = ((number, cells) for number, cells in rows if any(cell.strip() for cell in cells))
    _, header = next(filled, (first_row, []))
    columns = [cell.strip().casefold() for cell in header]
    if missing := [name for name in needed if name not in columns]:
        raise ValueError(
            f"'{path}' lacks the columns {', '.join(missing)}; its first row reads "
            f"{', '.join(header) or 'nothing'}. {remedy}"
        )
    for number, cells in filled:
        padded = [cell.strip() for cell in cells] + [""] * len(columns)
        yield number, dict(zip(columns, padded, strict=False))


def _decoded(data: bytes) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        # Ids are ASCII; names may be in the encoding of Western Windows.
        return data.decode("cp1252", errors="replace")
