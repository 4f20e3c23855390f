"""How far a run is: a bar for each kind of source, as a photo takes much less time than a recording."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence

from tqdm import tqdm

from archives.embed.file_rows import FileRow
from archives.embed.sources import Source

_SECONDS_BETWEEN_LINES = 30.0  # in a log file, where each update is a line
_TITLES = {"image": "photos", "recording": "recordings", "pair": "pairs", "video": "videos"}


class Progress:
    """Bars for some sources, kind after kind. Use as a context."""

    def __init__(self, sources: Sequence[Source], *, is_shown: bool) -> None:
        self._left: Counter[str] = Counter(source.kind for source in sources)
        self._is_shown = is_shown
        self._bar: tqdm | None = None
        self._num_not_whole = 0
        self._seconds = 0.0

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def add(self, row: FileRow, *, is_new: bool) -> None:
        """A file is done; one that was done in an earlier run counts neither as rate nor as time."""
        if not self._is_shown or row.kind not in _TITLES:
            return
        title = _TITLES[row.kind]
        if self._bar is None or self._bar.desc != title:
            self.__exit__()
            mininterval = 0.2 if sys.stderr.isatty() else _SECONDS_BETWEEN_LINES
            self._bar = tqdm(desc=title, total=self._left[row.kind], mininterval=mininterval)
            self._seconds = 0.0
        self._left[row.kind] -= 1
        if not is_new:
            self._bar.total -= 1
            return
        self._num_not_whole += not row.is_whole
        self._seconds += row.decoded_seconds or 0.0
        told = [f"{self._seconds / 3600:.1f} h"] if self._seconds else []
        told += [f"{self._num_not_whole} not whole"] if self._num_not_whole else []
        self._bar.set_postfix_str(", ".join(told), refresh=False)
        self._bar.update()
