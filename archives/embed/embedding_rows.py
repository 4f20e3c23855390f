"""Rows of embeddings as a shard holds them: what each is of, and where in its file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow

from archives.embed.sources import Source, path_to_name

Modality = Literal["image", "audio", "fused"]


@dataclass(frozen=True)
class Place:
    """Where in its file an embedding was taken, and what of it was seen or heard.

    Attributes:
        modality: image, audio, or fused: both.
        start_seconds: float, where its sound begins; None without sound. For a video, the clock is that of
            its frames.
        end_seconds: float, where its sound ends.
        start_sample: int, the first sample heard, at 16 kHz, counted from the start of the recording or
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


_FIELDS = [
    pyarrow.field("file", pyarrow.string(), nullable=False),
    pyarrow.field("kind", pyarrow.string(), nullable=False),
    pyarrow.field("modality", pyarrow.string(), nullable=False),
    pyarrow.field("class", pyarrow.string()),
    pyarrow.field("image", pyarrow.string()),
    pyarrow.field("recording", pyarrow.string()),
    pyarrow.field("video", pyarrow.string()),
    pyarrow.field("start_seconds", pyarrow.float64()),
    pyarrow.field("end_seconds", pyarrow.float64()),
    pyarrow.field("start_sample", pyarrow.int64()),
    pyarrow.field("time_seconds", pyarrow.float64()),
    pyarrow.field("frame_index", pyarrow.int64()),
    pyarrow.field("clipped_share", pyarrow.float32()),
]
PLACE_COLUMNS = tuple(field.name for field in _FIELDS)


def rows_schema(embedding_size: int) -> pyarrow.Schema:
    """Of a shard: id, embedding (float32, unit length), and what it is of.

    Args:
        embedding_size: int.
    """
    return pyarrow.schema(
        [
            pyarrow.field("id", pyarrow.string(), nullable=False),
            pyarrow.field(
                "embedding", pyarrow.list_(pyarrow.float32(), embedding_size), nullable=False
            ),
            *_FIELDS,
        ]
    )


@dataclass(frozen=True, eq=False)
class Rows:
    """Some embeddings of one source.

    Attributes:
        source: what they are of.
        embeddings: float32 [num, size], unit length.
        places: num of them.
    """

    source: Source
    embeddings: np.ndarray
    places: Sequence[Place]

    def __len__(self) -> int:
        return len(self.places)


def rows_to_table(parts: Sequence[Rows]) -> pyarrow.Table:
    """The rows of many sources as one table: making one for each of many photos would take longer.

    Args:
        parts: at least one.
    """
    embeddings = np.concatenate([part.embeddings for part in parts])
    size = embeddings.shape[1]
    flat = pyarrow.array(np.ascontiguousarray(embeddings, np.float32).reshape(-1))
    told = [told_of(part.source) for part in parts]
    columns = {
        "id": pyarrow.array(
            [row_id(part.source, place) for part in parts for place in part.places]
        ),
        "embedding": pyarrow.FixedSizeListArray.from_arrays(flat, size),
    }
    for field in _FIELDS:
        if field.name in told[0]:
            values = [
                one[field.name] for one, part in zip(told, parts, strict=True) for _ in part.places
            ]
        else:
            values = [getattr(place, field.name) for part in parts for place in part.places]
        columns[field.name] = pyarrow.array(values, field.type)
    return pyarrow.table(columns, schema=rows_schema(size))


def row_id(source: Source, place: Place) -> str:
    """Unique in an archive: the name of the source, and the time in it as `#t=start,end`.

    Reference: Media Fragments URI 1.0, https://www.w3.org/TR/media-frags/#naming-time
    """
    if source.kind == "image":
        return source.name
    if place.time_seconds is not None:
        return f"{source.name}#t={place.time_seconds:.3f}"
    return f"{source.name}#t={place.start_seconds:.2f},{place.end_seconds:.2f}"


def told_of(source: Source) -> dict[str, str | None]:
    """What every row says of its source: file, kind, class, and the paths under image, recording or video."""
    path = path_to_name(source.path)
    return {
        "file": source.name,
        "kind": source.kind,
        "class": source.class_name,
        "image": path
        if source.kind == "image"
        else path_to_name(source.photo)
        if source.photo
        else None,
        "recording": path if source.kind in ("recording", "pair") else None,
        "video": path if source.kind == "video" else None,
    }
