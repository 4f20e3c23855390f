"""The two tables of an archive: what became of each file, and the embeddings with their places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args

import numpy as np
import pyarrow

from archives.embed.sources import Identity, Source, path_to_name

Status = Literal["ok", "partial", "silent", "too_short", "non_finite", "unreadable", "crashed"]
STATUSES: tuple[Status, ...] = get_args(Status)


@dataclass(frozen=True)
class Skipped:
    """A stretch of sound that was not embedded."""

    start_seconds: float  # of the first window that was left out
    end_seconds: float  # of the last one
    reason: str  # silent, non_finite or clipped


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
    def identity(self) -> Identity:
        """Of the content that it tells of."""
        return Identity(self.content, self.size_bytes, self.modified_ns)

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


Modality = Literal["image", "audio", "fused"]
Row = dict[str, Any]  # of `rows_schema`: text, numbers and the embedding


@dataclass(frozen=True)
class Place:
    """Where in its file an embedding was taken, and what of it was seen or heard."""

    modality: Modality = "image"
    start_seconds: float | None = None  # of its sound; of a video on the clock of its frames
    end_seconds: float | None = None
    start_sample: int | None = None  # at the rate of the front end, from the start of the sound
    time_seconds: float | None = None  # of a video, when its frame is shown
    frame_index: int | None = None
    clipped_share: float | None = None  # of its sound, in [0, 1]


def rows_schema(embedding_size: int) -> pyarrow.Schema:
    """Of a shard: id, embedding (float32, unit length), and what it is of."""
    text, seconds, number = pyarrow.string(), pyarrow.float64(), pyarrow.int64()
    columns = {
        "id": text,
        "embedding": pyarrow.list_(pyarrow.float32(), embedding_size),
        **dict.fromkeys(("file", "kind", "modality"), text),
        **dict.fromkeys(("class", "image", "recording", "video"), text),
        **dict.fromkeys(("start_seconds", "end_seconds"), seconds),
        "start_sample": number,
        "time_seconds": seconds,
        "frame_index": number,
        "clipped_share": pyarrow.float32(),
    }
    never_null = ("id", "embedding", "file", "kind", "modality")
    return pyarrow.schema(
        [pyarrow.field(name, of, nullable=name not in never_null) for name, of in columns.items()]
    )


def rows_of(source: Source, embeddings: np.ndarray, places: Iterable[Place]) -> list[Row]:
    """The rows of some embeddings, float32 [num, size], of one source, each with its place."""
    columns = columns_of(source)
    return [
        {"id": row_id(source, place), "embedding": embedding, **columns, **vars(place)}
        for embedding, place in zip(np.asarray(embeddings), places, strict=True)
    ]


def row_id(source: Source, place: Place) -> str:
    """Unique in an archive: the name of the source, and the time in it as `#t=start,end`.

    Reference: Media Fragments URI 1.0, https://www.w3.org/TR/media-frags/#naming-time
    """
    if source.kind == "image":
        return source.name
    if place.time_seconds is not None:
        return f"{source.name}#t={place.time_seconds:.3f}"
    return f"{source.name}#t={place.start_seconds:.2f},{place.end_seconds:.2f}"


def columns_of(source: Source) -> dict[str, str | None]:
    """What every row says of its source: file, kind, class, and the paths under image, recording or video."""
    path = path_to_name(source.path)
    photo = path_to_name(source.photo) if source.photo else None
    return {
        "file": source.name,
        "kind": source.kind,
        "class": source.class_name,
        "image": path if source.kind == "image" else photo,
        "recording": path if source.kind in ("recording", "pair") else None,
        "video": path if source.kind == "video" else None,
    }


def renamed(row: Row, source: Source) -> Row:
    """A row under the name of another source of the same content; its times stay."""
    return {**row, "id": source.name + row["id"].removeprefix(row["file"]), **columns_of(source)}
