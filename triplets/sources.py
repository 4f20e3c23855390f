"""Sources: what a file comes from (an encounter, a tape, an outing), read from its name."""

from __future__ import annotations

import re
from pathlib import Path

from triplets.folders import SourceOf


def source_by_pattern(pattern: str) -> SourceOf:
    """The source of a file: what the pattern's first group (or all of it) finds in its name.

    Args:
        pattern: a regular expression, searched in the name without its folders, so that a photo and a
            recording of one event are of one source. A file in which nothing is found is a source of its own.

    Raises:
        ValueError: it is no regular expression.
    """
    try:
        expression = re.compile(pattern)
    except re.error as error:
        raise ValueError(
            f"--source {pattern!r} is no regular expression: {error}. Expected one such as '^(.*)_', all "
            "before the last underscore."
        ) from error

    def source_of(path: Path) -> str:
        found = expression.search(path.name)
        source = found and found.group(1 if expression.groups else 0)
        return source or path.as_posix()

    return source_of
