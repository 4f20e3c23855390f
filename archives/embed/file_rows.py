"""What became of each file: one row, whatever happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

import pyarrow

Status = Literal["ok", "partial", "silent", "too_short", "non_finite", "unreadable", "crashed"]
STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True)
class Skipped:
    """A stretch of sound that was not embedded.

    Attributes:
        start_seconds: float, of the first window that was left out.
        end_seconds: float, where the last one ends.
        reason: silent, non_finite or clipped.
    """

    start_seconds: float
    end_seconds: float
    reason: str


@dataclass(frozen=True)
class FileRow:
    """What became of one file (or pair of files).

    Attributes:
        file: its path as typed; of a pair, photo+recording.
        kind: image, recording, pair or video.
        status: "ok": embedded. "partial": a part of it is lost, the rest embedded. "silent", "too_short",
            "non_finite" (NaN or infinite samples throughout), "unreadable": nothing to embed. "crashed": the
            decoder died or hung; what it gave before is embedded.
        reason: why it is not ok, and how to mend it; None where it is.
        num_embeddings: int.
        decoded_seconds: float, of sound or film; None for photos.
        expected_seconds: float, what its header announces; None where it does not tell.
        sample_rate_hz: int, of its sound as stored; None without sound.
        num_channels: int, likewise.
        clipped_share: float in [0, 1], of its sound; None without sound.
        skipped: the stretches of its sound that were not embedded.
        notes: what else is to be known, such as a low sample rate.
        size_bytes: int, of its files together; -1 where they cannot be read.
        modified_ns: int, when the newest of its files was changed, since 1970.
        content: 32 hex digits, the same for the same bytes; empty where they cannot be read.
        settings: 16 hex digits, of `Run.key`.
        copy_of: the file of the same content whose embeddings it was given; else None.
        finished_ns: int, since 1970; of two rows of one file the later one counts.
    """

    file: str
    kind: str
    status: Status
    reason: str | None = None
    num_embeddings: int = 0
    decoded_seconds: float | None = None
    expected_seconds: float | None = None
    sample_rate_hz: int | None = None
    num_channels: int | None = None
    clipped_share: float | None = None
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    size_bytes: int = -1
    modified_ns: int = 0
    content: str = ""
    settings: str = ""
    copy_of: str | None = None
    finished_ns: int = 0

    @property
    def is_whole(self) -> bool:
        """Whether all of it was embedded."""
        return self.status == "ok"

    @property
    def is_settled(self) -> bool:
        """Whether trying again could give nothing else: its bytes were read, and the decoder lived."""
        return bool(self.content) and self.status != "crashed"

    def to_record(self) -> dict[str, Any]:  # values of several types, for JSON and Parquet
        """Its fields under their names."""
        stretches = [dict(vars(stretch)) for stretch in self.skipped]
        return {**vars(self), "skipped": stretches, "notes": list(self.notes)}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> FileRow:  # as `to_record` gives
        """The row of such a record."""
        skipped = tuple(Skipped(**stretch) for stretch in record["skipped"])
        return cls(**{**record, "skipped": skipped, "notes": tuple(record["notes"])})


_STRETCH = pyarrow.struct(
    {
        "start_seconds": pyarrow.float64(),
        "end_seconds": pyarrow.float64(),
        "reason": pyarrow.string(),
    }
)
_TYPES = {
    **dict.fromkeys(("decoded_seconds", "expected_seconds", "clipped_share"), pyarrow.float64()),
    **dict.fromkeys(("num_embeddings", "sample_rate_hz", "num_channels"), pyarrow.int64()),
    **dict.fromkeys(("size_bytes", "modified_ns", "finished_ns"), pyarrow.int64()),
    "skipped": pyarrow.list_(_STRETCH),
    "notes": pyarrow.list_(pyarrow.string()),
}
FILES_SCHEMA = pyarrow.schema(
    [(field.name, _TYPES.get(field.name, pyarrow.string())) for field in fields(FileRow)]
)
"""Of files.parquet: the fields of `FileRow`."""


def files_to_table(rows: Sequence[FileRow]) -> pyarrow.Table:
    """All rows as one table of `FILES_SCHEMA`, made column by column: an interrupt waits for it."""
    columns = {name: [getattr(row, name) for row in rows] for name in FILES_SCHEMA.names}
    columns["skipped"] = [[vars(stretch) for stretch in row.skipped] for row in rows]
    return pyarrow.table(columns, schema=FILES_SCHEMA)
