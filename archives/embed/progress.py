"""How far a run is: a bar for each kind of source, with its rate and the time left."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from types import TracebackType

from tqdm import tqdm

from archives.embed.content import look_at
from archives.embed.file_rows import FileRow
from archives.embed.sources import Source

_SECONDS_BETWEEN_LINES = 30.0  # in a log file, where each update is a line
_TITLES = {"image": "photos", "recording": "recordings", "pair": "pairs", "video": "videos"}


class Progress:
    """A bar for each kind of source: photos are counted, sound and film go by their bytes.

    The time that a photo takes says nothing of that of a recording, so one bar for both would be wrong
    about the time left.

    Args:
        sources: what there is to do, kind after kind.
        is_shown: whether to show anything.
    """

    def __init__(self, sources: Sequence[Source], *, is_shown: bool) -> None:
        self._is_shown = is_shown
        self._num_files: Counter[str] = Counter(source.kind for source in sources)
        self._amounts: Counter[str] = Counter()
        for source in sources if is_shown else ():
            self._amounts[source.kind] += _amount(source.kind, look_at(source.paths)[0])
        self._bar: tqdm | None = None
        self._kind = ""
        self._num_done = self._num_faults = 0
        self._seconds = 0.0

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()

    def note(self, row: FileRow, *, is_new: bool) -> None:
        """A file is done.

        Args:
            row: what became of it.
            is_new: whether it was done now; what was done before counts neither as rate nor as time.
        """
        if not self._is_shown:
            return
        amount = _amount(row.kind, row.size_bytes)
        if not is_new:
            self._num_files[row.kind] -= 1
            self._amounts[row.kind] -= amount
            if self._bar is not None and row.kind == self._kind:
                self._bar.total = max(self._bar.n, self._bar.total - amount)
            return
        if self._bar is None or row.kind != self._kind:
            self._open(row.kind)
        self._advance(row, amount)

    def _open(self, kind: str) -> None:
        self._close()
        self._kind = kind
        self._num_done, self._seconds = 0, 0.0
        is_counted = kind == "image"
        self._bar = tqdm(
            total=max(0, self._amounts[kind]),
            desc=_TITLES.get(kind, kind),
            unit=" photos" if is_counted else "B",
            unit_scale=not is_counted,
            mininterval=0.2 if sys.stderr.isatty() else _SECONDS_BETWEEN_LINES,
        )

    def _advance(self, row: FileRow, amount: int) -> None:
        self._num_done += 1
        self._num_faults += not row.is_whole
        self._seconds += row.decoded_seconds or 0.0
        told = []
        if row.kind != "image":
            told.append(
                f"{self._num_done} of {max(self._num_done, self._num_files[row.kind])} files"
            )
            told.append(f"{self._seconds / 3600:.1f} h")
        if self._num_faults:
            told.append(f"{self._num_faults} not whole")
        if self._bar is not None:
            self._bar.set_postfix_str(", ".join(told), refresh=False)
            self._bar.update(amount)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _amount(kind: str, size_bytes: int) -> int:
    return 1 if kind == "image" else max(0, size_bytes)
