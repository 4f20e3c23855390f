"""Files with equal contents, and different files with equal names."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from operator import attrgetter
from pathlib import Path

from archives.embed.sources import digest_of
from archives.survey.records import SurveyedFile
from media.errors import UnreadableMediaError

_SAMPLE_BYTES = 4096


def equal_contents(files: Sequence[SurveyedFile]) -> tuple[tuple[Path, ...], ...]:
    """Groups of files that hold the same bytes.

    Only files of equal size are opened, and only those read whole whose beginning, middle and end are
    equal too: all recordings of a season may be of one size. Empty files are left out.
    """
    groups = [[file for file in files if file.num_bytes and file.kind != "other"]]
    for key in (attrgetter("num_bytes"), _sample, lambda file: digest_of(file.path)):
        groups = [equal for group in groups for equal in _groups(group, key)]
    return _paths(groups)


def equal_names(files: Sequence[SurveyedFile]) -> tuple[tuple[Path, ...], ...]:
    """Groups of files in different folders whose names are equal (which is no error)."""
    media = [file for file in files if file.kind != "other"]
    return _paths(_groups(media, lambda file: file.path.name))


def _groups(
    files: Iterable[SurveyedFile], key: Callable[[SurveyedFile], Hashable]
) -> list[list[SurveyedFile]]:
    """The files with equal keys, two or more at a time; files that cannot be read equal nothing."""
    groups: dict[Hashable, list[SurveyedFile]] = defaultdict(list)
    for file in files:
        try:
            groups[key(file)].append(file)
        except (OSError, UnreadableMediaError):  # told as unreadable already
            continue
    return [group for group in groups.values() if len(group) > 1]


def _paths(groups: Iterable[Iterable[SurveyedFile]]) -> tuple[tuple[Path, ...], ...]:
    return tuple(sorted(tuple(sorted(file.path for file in group)) for group in groups))


def _sample(file: SurveyedFile) -> bytes:
    with file.path.open("rb") as content:
        pieces = []
        for position in (0, file.num_bytes // 2, max(0, file.num_bytes - _SAMPLE_BYTES)):
            content.seek(position)
            pieces.append(content.read(_SAMPLE_BYTES))
    return b"".join(pieces)
