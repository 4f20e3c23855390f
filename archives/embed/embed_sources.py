"""The inner loop: sources decoded in worker processes, embedded in batches, and put into shards."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from itertools import count
from typing import TypeAlias

import numpy as np

from archives.embed.batch_queue import BatchQueue
from archives.embed.decode_source import DecodeTask, Message, decode_source
from archives.embed.open_source import Item, OpenSource
from archives.embed.rows import FileRow, rows_of
from archives.embed.shards import RowsOfFile, ShardWriter
from archives.embed.sources import Identity, Source
from archives.workers import Workers
from inference.embed import BATCH_SIZE, Embedder
from inference.embeddings import UNIT_LENGTH_TOLERANCE

ITEMS_PER_BATCH = 64
"""Windows in a batch; of photos, `BATCH_SIZE` are enough to keep all cores busy."""
Decoders: TypeAlias = Workers[DecodeTask, Message]
KnownSource: TypeAlias = tuple[Source, Identity | None]


@dataclass(frozen=True)
class Decoding:
    """How files are decoded. No result depends on it.

    Attributes:
        num_workers: int >= 0, processes; 0 decodes in this process, without protection from crashes. None:
            half as many as there are cores, at least 1 and at most 8.
        time_limit_seconds: float > 0. A file that gives nothing for so long counts as crashed.
    """

    num_workers: int | None = None
    time_limit_seconds: float = 60.0

    def __post_init__(self) -> None:
        if self.num_workers is not None and self.num_workers < 0:
            raise ValueError(f"Expected num_workers >= 0, received {self.num_workers}.")
        if not self.time_limit_seconds > 0:
            raise ValueError(
                f"Expected time_limit_seconds > 0, received {self.time_limit_seconds}."
            )

    def decoders(self) -> Decoders:
        """The worker processes."""
        cores = len(os.sched_getaffinity(0))
        number = max(1, min(8, cores // 2)) if self.num_workers is None else self.num_workers
        return Workers(
            decode_source, num_workers=number, time_limit_seconds=self.time_limit_seconds
        )


Engine = Callable[
    [Embedder, Iterable[KnownSource], ShardWriter, Decoding, Callable[[FileRow], None]], None
]
"""Who embeds the sources of a run: `embed_sources` in this process, or `RayEngine` on many machines."""


def embed_sources(
    embedder: Embedder,
    sources: Iterable[KnownSource],
    writer: ShardWriter,
    decoding: Decoding | Decoders,
    finished: Callable[[FileRow], None],
) -> None:
    """Embeds each source, whatever the others do; what is finished when it stops is in the writer.

    Sources come with their identity where it is known, and are taken one by one in a thread. `finished` is
    called with what became of each, in about their order. Decoders that are given stay open.
    """
    cut, front_end = writer.run.settings, embedder.front_end
    in_work: dict[Source, OpenSource[RowsOfFile]] = {}

    def task_of(known: KnownSource) -> DecodeTask:
        moments = cut.frames_per_second, cut.window_seconds
        return DecodeTask(*known, front_end.sample_rate_hz, *moments)

    def finish(source: OpenSource[RowsOfFile]) -> None:
        finished(source.finish())
        del in_work[source.source]

    kind = None
    workers = decoding.decoders() if isinstance(decoding, Decoding) else nullcontext(decoding)
    try:
        with EmbeddingQueue(embedder, finish) as queue, workers as decoders:
            for task, message in decoders.run(map(task_of, sources)):
                source = in_work.get(task.source)
                if source is None:
                    if task.source.kind != kind:  # photos do not wait until recordings fill a batch
                        queue.flush()
                    kind = task.source.kind
                    rows = RowsOfFile(writer)
                    source = OpenSource(task.source, front_end, cut, writer.run.key, rows)
                    in_work[task.source] = source
                source.receive(message)
                queue.advance(source)
            queue.flush()
    finally:
        for source in in_work.values():
            source.rows.discard()


class EmbeddingQueue(BatchQueue[RowsOfFile, np.ndarray]):
    """Embeds photos, sound and both together, over the borders of files, in full batches."""

    def __init__(
        self, embedder: Embedder, finish: Callable[[OpenSource[RowsOfFile]], None]
    ) -> None:
        super().__init__(embedder.front_end, finish)
        self._embedder = embedder

    def is_full(self, items: Sequence[Item]) -> bool:
        """Whether so many photos, or so many items, make a batch."""
        photos = {id(item.photo) for item in items if item.photo is not None}
        return len(photos) >= BATCH_SIZE or len(items) >= ITEMS_PER_BATCH

    def compute(self, items: list[Item]) -> np.ndarray:
        """float32 [num, size]; a photo that is in several items is looked at once."""
        photos = {id(item.photo): item.photo for item in items if item.photo is not None}
        position = {key: place for place, key in enumerate(photos)}
        sequences = [item.frames for item in items if item.frames is not None]
        number = count()
        pairs = [
            (position.get(id(item.photo), -1), -1 if item.frames is None else next(number))
            for item in items
        ]
        return self._embedder.embed_combinations(
            list(photos.values()), sequences, np.array(pairs), batch_size=ITEMS_PER_BATCH
        )

    def take(
        self,
        source: OpenSource[RowsOfFile],
        rows: list[int],
        items: list[Item],
        result: np.ndarray,
    ) -> None:
        """Keeps the embeddings of unit length; an index refuses others, NaN among them."""
        embeddings = result[rows]
        is_unit = np.abs(np.linalg.norm(embeddings, axis=1) - 1) < UNIT_LENGTH_TOLERANCE
        if is_unit.any():
            places = [item.place for item, is_kept in zip(items, is_unit, strict=True) if is_kept]
            source.rows.add(rows_of(source.source, embeddings[is_unit], places))
        source.refuse(int((~is_unit).sum()))
