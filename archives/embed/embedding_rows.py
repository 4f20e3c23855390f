"""Rows of embeddings as a shard holds them: what each is of, and where in its file."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow

from archives.embed.sources import Source, path_to_name

Modality = Literal["image", "audio", "fused"]
Row = dict[str, Any]  # of `rows_schema`: text, numbers and the embedding


@dataclass(frozen=True)
class Place:
    """Where in its file an embedding was taken, and what of it was seen or heard.

    Attributes:
        modality: image, audio, or fused: both.
        start_seconds: float, where its sound begins; None without sound. For a video, on the clock of its
            frames.
        end_seconds: float, where its sound ends.
        start_sample: int, its first sample at the rate of the front end, from the start of the recording or
            sound track.
        time_seconds: float, of a video, when its frame is shown; else None.
        frame_index: int, of a video, the number of its frame; else None.
        clipped_share: float in [0, 1], of its sound; None without sound.
    """

    modality: Modality = "image"
    start_seconds: float | None = None
    end_seconds: float | None = None
    start_sample: int | None = None
    time_seconds: float | None = None
    frame_index: int | None = None
    clipped_share: float | None = None


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
    """The rows of some embeddings of one source.

    Args:
        source: what they are of.
        embeddings: float32 [num, size], unit length.
        places: num of them.
    """
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
