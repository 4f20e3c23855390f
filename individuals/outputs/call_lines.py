"""What Raven's and Audacity's text files have in common: tabs between cells, and numbers written out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from decimal import Decimal
from pathlib import Path

from individuals.outputs.media_details import distinct_file_names
from individuals.sighting import Sighting
from media.atomic import write_text_atomically


def plain_number(value: float | Decimal) -> str:
    """A number with all its digits and no exponent, which these programs may not read.

    Example:
        >>> plain_number(1e-07), plain_number(12.5)
        ('0.0000001', '12.5')
    """
    return format(exact(value), "f")


def exact(value: float | Decimal) -> Decimal:
    """The number that people write for a float: sums of such numbers have no rounding errors."""
    return value if isinstance(value, Decimal) else Decimal(repr(float(value)))


def plain_text(value: str | None) -> str:
    """Text on one line without tabs: these files have no way to quote; each run of them becomes a blank."""
    return re.sub(r"[\t\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+", " ", value or "")


def write_tab_lines(path: str | Path, lines: Iterable[Iterable[str]]) -> Path:
    """Writes lines of cells."""
    return write_text_atomically(path, "".join("\t".join(line) + "\n" for line in lines))


def write_one_per_recording(
    folder: str | Path,
    sightings: Iterable[Sighting],
    suffix: str,
    write: Callable[[Path, list[Sighting]], Path],
) -> dict[str, Path]:
    """A file for each recording in one folder; recordings of equal names do not collide."""
    of_media: dict[str, list[Sighting]] = {}
    for sighting in sightings:
        of_media.setdefault(sighting.media, []).append(sighting)
    names = distinct_file_names(of_media, suffix)
    return {media: write(Path(folder) / names[media], found) for media, found in of_media.items()}


def read_tab_lines(path: str | Path) -> list[str]:
    """The lines of a text file, whichever way they end, without a byte order mark."""
    text = Path(path).read_bytes().decode("utf-8-sig", errors="surrogateescape")
    return re.split(r"\r\n|\n|\r", text)
