"""Files with equal contents, and different files with equal names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from archives.embed.content import digest_of
from archives.survey.records import SurveyedFile
from media import UnreadableMediaError

_SAMPLE_BYTES = 4096
KeyT = TypeVar("KeyT")


def equal_contents(files: Sequence[SurveyedFile]) -> tuple[tuple[Path, ...], ...]:
    """Groups of files that hold the same bytes.

    Only files of equal size are opened, and only those read whole whose beginning, middle and end are
    equal too: all recordings of a season may be of one size.

    Args:
        files: of any kind; empty ones and those that are never read are left out.
    """
    sizes = _groups([f for f in files if f.num_bytes and f.kind != "other"], lambda f: f.num_bytes)
    alike = [pair for group in sizes for pair in _groups(group, _sample)]
    same = [group for pair in alike for group in _groups(pair, _digest)]
    return tuple(sorted(tuple(sorted(file.path for file in group)) for group in same))


def equal_names(files: Sequence[SurveyedFile]) -> tuple[tuple[Path, ...], ...]:
    """Groups of files in different folders whose names are equal (which is no error).

    Args:
        files: of any kind; those that are never read are left out.
    """
    same = _groups([f for f in files if f.kind != "other"], lambda f: f.path.name)
    return tuple(sorted(tuple(sorted(file.path for file in group)) for group in same))


def _groups(
    files: Iterable[SurveyedFile], key: Callable[[SurveyedFile], KeyT | None]
) -> list[list[SurveyedFile]]:
    """The files with equal keys, two or more at a time; None equals nothing."""
    groups: dict[KeyT, list[SurveyedFile]] = defaultdict(list)
    for file in files:
        value = key(file)
        if value is not None:
            groups[value].append(file)
    return [group for group in groups.values() if len(group) > 1]


def _sample(file: SurveyedFile) -> bytes | None:
    try:
        with file.path.open("rb") as content:
            pieces = []
            for position in (0, file.num_bytes // 2, max(0, file.num_bytes - _SAMPLE_BYTES)):
                content.seek(position)
                pieces.append(content.read(_SAMPLE_BYTES))
            return b"".join(pieces)
    except OSError:  # told as unreadable already
        return None


def _digest(file: SurveyedFile) -> str | None:
    try:
        return digest_of(file.path)
    except (FileNotFoundError, UnreadableMediaError):
        return None
