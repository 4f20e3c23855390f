"""Batches over the borders of files: many short recordings cost no more than a long one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import count, groupby
from typing import Any

import numpy as np

from archives.embed.embedding_rows import rows_of
from archives.embed.front_end import WINDOWS_PER_BATCH, FrontEndSpec
from archives.embed.open_source import Item, OpenSource
from inference.embed import BATCH_SIZE, Embedder
from inference.embeddings import UNIT_LENGTH_TOLERANCE

NUM_THREADS = 2
"""Batches in the networks at once: one uses the cores that the other leaves idle between its layers."""
ITEMS_PER_BATCH = 64
"""Windows in a batch; of photos, `BATCH_SIZE` are enough to keep all cores busy."""


class EmbeddingQueue:
    """Gathers sound and photos of many sources and embeds them in full batches. Use as a context.

    The networks run in threads of their own, while the caller receives what is decoded.

    Args:
        embedder: the encoder.
        front_end: that hears sound.
        finish: called with each source once all of it is embedded.
    """

    def __init__(
        self, embedder: Embedder, front_end: FrontEndSpec, finish: Callable[[OpenSource], None]
    ) -> None:
        self._embedder, self._front_end, self._finish = embedder, front_end, finish
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
            self._num_frames += self._front_end.frames_in_samples(len(piece))
            source.num_waiting += 1
        if self._num_frames >= WINDOWS_PER_BATCH:
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
        """Has the front end hear the pieces that wait."""
        pieces = list(self._pieces)
        self._pieces.clear()
        self._num_frames = 0
        if pieces:
            heard = self._threads.submit(self._embedder.hear, [piece for _, piece in pieces])
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
        heard = count()
        pairs = [
            (
                -1 if item.photo is None else position[id(item.photo)],
                -1 if item.frames is None else next(heard),
            )
            for item in items
        ]
        return self._embedder.embed_combinations(
            list(photos.values()), sequences, np.array(pairs), batch_size=ITEMS_PER_BATCH
        )
