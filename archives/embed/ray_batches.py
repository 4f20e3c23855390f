"""Sources on their way to a machine of a cluster, some at a time, and what became of them on the way back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from archives.embed.content import Identity, look_at
from archives.embed.file_rows import FileRow
from archives.embed.sources import Source

KnownSource = tuple[Source, Identity | None]
BYTES_PER_BATCH = 256 << 20
"""Three quarters of an hour of a 48 kHz WAV: so a batch of recordings is not sixty times one of photos."""


def batches_of(
    sources: Iterable[KnownSource], files_per_batch: int, bytes_per_batch: int = BYTES_PER_BATCH
) -> Iterator[list[KnownSource]]:
    """Sources in batches; a large file is one alone.

    Args:
        sources: in their order.
        files_per_batch: int > 0, at most.
        bytes_per_batch: int > 0, at most, unless one file alone is larger.
    """
    batch: list[KnownSource] = []
    num_bytes = 0
    for source, identity in sources:
        size_bytes = max(0, look_at(source.paths)[0])
        if batch and (len(batch) == files_per_batch or num_bytes + size_bytes > bytes_per_batch):
            yield batch
            batch, num_bytes = [], 0
        batch.append((source, identity))
        num_bytes += size_bytes
    if batch:
        yield batch


def sources_to_text(sources: Sequence[KnownSource]) -> str:
    """Sources as ASCII, whatever bytes their names are made of; `text_to_sources` reads it."""
    return json.dumps(
        [
            {
                "kind": source.kind,
                "path": str(source.path),
                "photo": None if source.photo is None else str(source.photo),
                "identity": None if identity is None else asdict(identity),
            }
            for source, identity in sources
        ]
    )


def text_to_sources(text: str) -> list[KnownSource]:
    """The sources that `sources_to_text` wrote."""
    return [
        (
            Source(told["kind"], Path(told["path"]), told["photo"] and Path(told["photo"])),
            told["identity"] and Identity(**told["identity"]),
        )
        for told in json.loads(text)
    ]


def rows_to_text(rows: Sequence[FileRow]) -> str:
    """What became of files, as ASCII; `text_to_rows` reads it."""
    return json.dumps([row.to_record() for row in rows])


def text_to_rows(text: str) -> list[FileRow]:
    """The rows that `rows_to_text` wrote."""
    return [FileRow.from_record(record) for record in json.loads(text)]
