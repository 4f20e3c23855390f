"""The inner loop: sources decoded in worker processes, embedded in batches, and put into shards."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import count, groupby
from typing import Any, TypeAlias

import numpy as np

from archives.embed.decode_source import DecodeTask, Message, decode_source
from archives.embed.open_source import Item, OpenSource
from archives.embed.rows import FileRow, rows_of
from archives.embed.shards import ShardWriter
from archives.embed.sources import Identity, Source
from archives.workers import Workers
from inference.embed import BATCH_SIZE, Embedder
from inference.embeddings import UNIT_LENGTH_TOLERANCE

NUM_THREADS = 2
"""Batches in the networks at once: one uses the cores that the other leaves idle between its layers."""
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
    in_work: dict[Source, OpenSource] = {}

    def task_of(known: KnownSource) -> DecodeTask:
        moments = cut.frames_per_second, cut.window_seconds
        return DecodeTask(*known, front_end.sample_rate_hz, *moments)

    def finish(source: OpenSource) -> None:
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
                    source = in_work[task.source] = OpenSource(task.source, front_end, writer)
                source.receive(message)
                queue.advance(source)
            queue.flush()
    finally:
        for source in in_work.values():
            source.rows.discard()


class EmbeddingQueue:
    """Gathers sound and photos over the borders of files and embeds them in full batches. Use as a context.

    The networks run in threads of their own, while the caller receives what is decoded. `finish` is called
    with each source once all of it is embedded.
    """

    def __init__(self, embedder: Embedder, finish: Callable[[OpenSource], None]) -> None:
        self._embedder, self._finish = embedder, finish
        self._pieces: deque[tuple[OpenSource, np.ndarray]] = deque()
        self._items: deque[tuple[OpenSource, Item]] = deque()
        self._num_frames = 0
        self._threads = ThreadPoolExecutor(NUM_THREADS, thread_name_prefix="network")
        self._running: deque[tuple[Future[Any], Callable[[Any], None]]] = deque()

    def __enter__(self) -> EmbeddingQueue:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)

    def advance(self, source: OpenSource) -> None:
        """Takes what is ready of a source, and has the networks work on what fills a batch."""
        for piece in source.take_pieces():
            self._pieces.append((source, piece))
            self._num_frames += self._embedder.front_end.frames_in_samples(len(piece))
            source.num_waiting += 1
        if self._num_frames >= self._embedder.front_end.windows_per_batch:
            self._hear()
        self._gather(source)
        while len(self._running) > NUM_THREADS:
            self._collect()

    def flush(self) -> None:
        """Embeds all that waits, however little it is."""
        while self._pieces or self._items or self._running:
            self._hear()
            while self._running:
                self._collect()
            self._embed()

    def _gather(self, source: OpenSource) -> None:
        """Takes what can be embedded; a source that has no more is finished."""
        for item in source.take_items():
            self._items.append((source, item))
            source.num_waiting += 1
            photos = {id(item.photo) for _, item in self._items if item.photo is not None}
            if len(photos) >= BATCH_SIZE or len(self._items) >= ITEMS_PER_BATCH:
                self._embed()
        if source.has_ended and source.num_waiting == 0:
            self._finish(source)

    def _hear(self) -> None:
        """Has the front end make frames of the pieces that wait."""
        pieces = list(self._pieces)
        self._pieces.clear()
        self._num_frames = 0
        if pieces:
            sounds = [piece for _, piece in pieces]
            heard = self._threads.submit(self._embedder.front_end.embed_sounds, sounds)
            self._running.append((heard, partial(self._take_frames, pieces)))

    def _take_frames(
        self, pieces: list[tuple[OpenSource, np.ndarray]], sequences: list[np.ndarray]
    ) -> None:
        for (source, _), frames in zip(pieces, sequences, strict=True):
            source.add_frames(frames)
            source.num_waiting -= 1
            self._gather(source)

    def _embed(self) -> None:
        """Has the encoder embed the items that wait."""
        batch = list(self._items)
        self._items.clear()
        if batch:
            embedded = self._threads.submit(self._embedded, [item for _, item in batch])
            self._running.append((embedded, partial(self._take_embeddings, batch)))

    def _collect(self) -> None:
        """Takes the result of what was begun first, so that frames and rows stay in their order."""
        future, take = self._running.popleft()
        take(future.result())

    def _take_embeddings(
        self, batch: list[tuple[OpenSource, Item]], embeddings: np.ndarray
    ) -> None:
        lengths = np.linalg.norm(np.asarray(embeddings), axis=1)
        is_unit = np.abs(lengths - 1) < UNIT_LENGTH_TOLERANCE  # NaN is not; an index refuses others
        for source, members in groupby(range(len(batch)), key=lambda row: batch[row][0]):
            rows = list(members)
            kept = [row for row in rows if is_unit[row]]
            if kept:
                places = [batch[row][1].place for row in kept]
                source.rows.add(rows_of(source.source, embeddings[kept], places))
            source.refuse(len(rows) - len(kept))
            source.num_waiting -= len(rows)
            self._gather(source)

    def _embedded(self, items: list[Item]) -> np.ndarray:
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
