"""Cells of CSV files: text that no spreadsheet takes for a formula, and numbers without loss."""

import codecs
import csv
import io
import re
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path
from typing import TextIO

from media.atomic import atomic_file

_FORMULA_START = r"'*[=+\-@\t\r\n＝＋－＠]"  # the wide ones: spreadsheets in East Asia
_LOOKS_LIKE_FORMULA = re.compile(_FORMULA_START)
_GUARDED = re.compile(f"'{_FORMULA_START}")
_NEGATIVE_NUMBER = re.compile(r"-[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def guard_cell(text: str) -> str:
    """Text that a spreadsheet would run as a formula gets an apostrophe in front.

    Names of files and individuals come from other people: `=HYPERLINK(...)` must stay text. Other
    text, and negative numbers, stay as they are. `unguard_cell` takes the apostrophe away again.

    Example:
        >>> guard_cell("=1+1"), guard_cell("--1"), guard_cell("-1"), guard_cell("wren 3")
        ("'=1+1", "'--1", '-1', 'wren 3')
    """
    is_formula = _LOOKS_LIKE_FORMULA.match(text) and not _NEGATIVE_NUMBER.fullmatch(text)
    return f"'{text}" if is_formula else text


def unguard_cell(text: str) -> str:
    """The text before `guard_cell`."""
    return text[1:] if _GUARDED.match(text) else text


def write_csv(
    path: str | Path,
    header: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    guard: bool = True,
    for_excel: bool = False,
) -> Path:
    """Writes a CSV file row by row (of a generator, in little memory), whole or not at all.

    Args:
        path: of the file; folders that are missing are made.
        header: as in `csv_text`.
        rows: as in `csv_text`.
        guard: as in `csv_text`.
        for_excel: whether it begins with the mark by which Excel knows UTF-8.
    Returns:
        The path.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    encoding = "utf-8-sig" if for_excel else "utf-8"
    with (
        atomic_file(target) as temporary,
        temporary.open("w", encoding=encoding, errors="surrogateescape", newline="") as file,
    ):
        _write_rows(file, header, rows, guard)
    return target


def csv_text(header: Sequence[str], rows: Iterable[Sequence[object]], *, guard: bool = True) -> str:
    """A CSV file: a header, always, then a line for each row (RFC 4180; None is an empty cell).

    Floats keep all their digits; with `guard`, text is guarded against spreadsheets (`guard_cell`).
    """
    lines = io.StringIO()
    _write_rows(lines, header, rows, guard)
    return lines.getvalue()


def _write_rows(
    file: TextIO, header: Sequence[str], rows: Iterable[Sequence[object]], guard: bool
) -> None:
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerows([_cell(value, guard) for value in row] for row in chain([header], rows))


def _cell(value: object, guard: bool) -> object:
    if isinstance(value, bool):
        return str(value).lower()
    return guard_cell(value) if guard and isinstance(value, str) else value


def read_csv_rows(
    path: str | Path, *needed: str, remedy: str = "", legacy_encoding: str | None = None
) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """The columns and rows of a CSV file, also of one that a spreadsheet has saved.

    Commas, semicolons or tabs between cells, a byte order mark, UTF-16 and Excel's "sep=;" are understood;
    with semicolons, numbers may have decimal commas. Apostrophes before formulas are taken away. Empty rows
    are left out.

    Args:
        path: of the file.
        needed: names of columns that it must have; capitals and blanks make no difference.
        remedy: what to do if one is missing, for the message.
        legacy_encoding: of text that is not Unicode, such as "cp1252". Default: its bytes are kept, as in
            names of files that are not UTF-8.
    Returns:
        The names of the columns; and the number of each row as a spreadsheet shows it (the header is row 1),
        with its cells by column.
    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no such table; the message says which of its rows is wrong.
    """
    text = _decoded(Path(path).read_bytes(), legacy_encoding)
    first = 1
    if text.casefold().startswith("sep="):
        text, first = text.partition("\n")[2], 2
    delimiter = _delimiter(text, needed)
    try:
        table = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise ValueError(f"'{path}' is no CSV file ({error}).") from error
    header = _columns(table[0], needed) if table else []
    if missing := [name for name in needed if name not in header]:
        raise ValueError(
            f"'{path}' has no column {', '.join(missing)}. Its first row must name the columns; it names "
            f"{', '.join(map(repr, header)) or 'none'}. {remedy}".rstrip()
        )
    repeated = sorted({name for name in header if name and header.count(name) > 1})
    if repeated:
        raise ValueError(f"'{path}' has several columns {', '.join(map(repr, repeated))}.")
    rows = []
    for number, cells in enumerate(table[1:], start=first + 1):
        if any(cells[len(header) :]):
            raise ValueError(
                f"Row {number} of '{path}' has {len(cells)} cells, its header {len(header)}. Put text that "
                "contains the separator in double quotes."
            )
        if delimiter == ";":
            cells = [_with_point(cell) for cell in cells]
        if any(cells):
            rows.append((number, dict(zip(header, map(unguard_cell, cells), strict=False))))
    return header, rows


def _decoded(data: bytes, legacy_encoding: str | None) -> str:
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return data.decode("utf-16", errors="replace")
    try:
        return data.decode("utf-8-sig", errors="strict" if legacy_encoding else "surrogateescape")
    except UnicodeDecodeError:
        return data.decode(legacy_encoding or "utf-8", errors="replace")


def _columns(cells: Sequence[str], needed: Sequence[str]) -> list[str]:
    """Names of columns, those that are needed as they are spelled there."""
    spelling = {name.casefold(): name for name in needed}
    names = [unguard_cell(cell) for cell in cells]
    return [spelling.get(name.strip().casefold(), name) for name in names]


def _delimiter(text: str, needed: Sequence[str]) -> str:
    for delimiter in ",;\t":
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        if set(needed) <= set(_columns(next(reader, []), needed)):
            return delimiter
    return ","


def _with_point(cell: str) -> str:
    """A number with a decimal comma as one with a point."""
    return cell.replace(",", ".") if re.fullmatch(r"-?\d+,\d+(e[+-]?\d+)?", cell, re.I) else cell
