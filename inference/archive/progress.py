"""How far a run is: files, hours of sound, the rate, and the time that is left."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import TracebackType

from tqdm import tqdm

from inference.archive.content import look_at
from inference.archive.file_rows import FileRow
from inference.archive.sources import Source

_SECONDS_BETWEEN_LINES = 30.0  # in a log file, where each update is a line


class Progress:
    """A bar over the bytes of all files; does nothing where it is not shown.

    Args:
        sources: what there is to do.
        is_shown: whether to show it.
    """

    def __init__(self, sources: Sequence[Source], *, is_shown: bool) -> None:
        self._num_sources = len(sources)
        self._num_done = self._num_faults = 0
        self._sound_seconds = 0.0
        total = sum(max(0, look_at(source.paths)[0]) for source in sources) if is_shown else 0
        self._bar = tqdm(
            total=total,
            desc="embed",
            unit="B",
            unit_scale=True,
            disable=not is_shown,
            mininterval=0.2 if sys.stderr.isatty() else _SECONDS_BETWEEN_LINES,
        )

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.close()

    def note(self, row: FileRow, *, is_new: bool) -> None:
        """A file is done.

        Args:
            row: what became of it.
            is_new: whether it was done now; what was done before counts neither as rate nor as time.
        """
        if self._bar.disable:
            return
        self._num_done += 1
        self._num_faults += not row.is_whole
        num_bytes = max(0, row.size_bytes)
        if not is_new:
            self._bar.total = max(0, self._bar.total - num_bytes)
        elif row.kind != "image":
            self._sound_seconds += row.decoded_seconds or 0.0
        told = f"{self._num_done} of {self._num_sources} files"
        if self._sound_seconds:
            told += f", {self._sound_seconds / 3600:.1f} h of sound"
        if self._num_faults:
            told += f", {self._num_faults} not whole"
        self._bar.set_postfix_str(told, refresh=False)
        self._bar.update(num_bytes if is_new else 0)
