"""Batches over the borders of files: many short recordings cost no more than a long one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import count, groupby
from typing import Any

import numpy as np

from archives.embed.embedding_rows import Place
from archives.embed.open_source import Item, OpenSource
from archives.embed.shards import FileShare
from fused_encoder.front_ends.audio_batches import WINDOWS_PER_BATCH
from fused_encoder.front_ends.audio_sequence import frames_in_samples
from inference.embed import BATCH_SIZE, Embedder
from inference.embeddings import UNIT_LENGTH_TOLERANCE

NUM_THREADS = 2
"""Batches in the networks at once: what one leaves idle of the cores between its layers, the other uses."""
ITEMS_PER_BATCH = 64
"""Windows in a batch; of photos, `BATCH_SIZE` are enough to keep all cores busy."""


class SourceInWork:
    """A source, and how much of it is still in the queue.

    Args:
        source: what its decoder gives goes to.
        share: where its embeddings go.
    """

    def __init__(self, source: OpenSource, share: FileShare) -> None:
        self.source, self.share = source, share
        self.num_waiting = 0
        self.has_ended = self.is_finished = False


class EmbeddingQueue:
    """Gathers sound and photos of sources, in their order, and embeds them in full batches.

    The networks run in threads of their own, while the caller receives what is decoded. To be used as a
    context.

    Args:
        embedder: the encoder.
        finish: called with each source once all of it is embedded.
    """

    def __init__(self, embedder: Embedder, finish: Callable[[SourceInWork], None]) -> None:
        self._embedder, self._finish = embedder, finish
        self._pieces: deque[tuple[SourceInWork, np.ndarray]] = deque()
        self._items: deque[tuple[SourceInWork, Item]] = deque()
        self._num_frames = 0
        self._threads = ThreadPoolExecutor(NUM_THREADS, thread_name_prefix="network")
        self._running: deque[tuple[Future, Callable[[Any], None]]] = (
            deque()
        )  # Any: of either network

    def __enter__(self) -> EmbeddingQueue:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)

    def advance(self, work: SourceInWork) -> None:
        """Takes what is ready of a source, and has the networks work on what fills a batch."""
        for piece in work.source.take_pieces():
            self._pieces.append((work, piece))
            self._num_frames += frames_in_samples(len(piece))
            work.num_waiting += 1
        if self._num_frames >= WINDOWS_PER_BATCH:
            self._hear()
        self._gather(work)
        while len(self._running) > NUM_THREADS:
            self._collect()

    def end(self, work: SourceInWork) -> None:
        """A source whose decoder gives no more."""
        work.source.end()
        work.has_ended = True
        self.advance(work)
        self._finish_if_done(work)

    def flush(self) -> None:
        """Embeds all that waits, however little it is."""
        while self._pieces or self._items or self._running:
            self._hear()
            while self._running:
                self._collect()
            self._embed()

    def _gather(self, work: SourceInWork) -> None:
        for item in work.source.take_items():
            self._items.append((work, item))
            work.num_waiting += 1
            if self._is_full():
                self._embed()

    def _is_full(self) -> bool:
        num_photos = len({id(item.photo) for _, item in self._items if item.photo is not None})
        return num_photos >= BATCH_SIZE or len(self._items) >= ITEMS_PER_BATCH

    def _hear(self) -> None:
        """Has YAMNet hear the pieces that wait."""
        pieces = list(self._pieces)
        self._pieces.clear()
        self._num_frames = 0
        if pieces:
            heard = self._threads.submit(self._embedder.hear, [piece for _, piece in pieces])
            self._running.append((heard, partial(self._take_frames, pieces)))

    def _take_frames(
        self, pieces: list[tuple[SourceInWork, np.ndarray]], sequences: list[np.ndarray]
    ) -> None:
        for (work, _), frames in zip(pieces, sequences, strict=True):
            work.source.add_frames(frames)
            self._gather(work)
            work.num_waiting -= 1
            self._finish_if_done(work)  # none of its windows may be fit to embed

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
        self, batch: list[tuple[SourceInWork, Item]], embeddings: np.ndarray
    ) -> None:
        first = 0
        for work, members in groupby(batch, key=lambda pair: pair[0]):
            places = [item.place for _, item in members]
            self._share_out(work, embeddings[first : first + len(places)], places)
            first += len(places)
            work.num_waiting -= len(places)
            self._finish_if_done(work)

    def _share_out(self, work: SourceInWork, embeddings: np.ndarray, places: list[Place]) -> None:
        """An index refuses what is not of unit length, and with it all that comes in one call."""
        lengths = np.linalg.norm(np.asarray(embeddings), axis=1)
        is_sound = np.abs(lengths - 1) < UNIT_LENGTH_TOLERANCE  # NaN is not
        if is_sound.any():
            sound = [place for place, is_it in zip(places, is_sound, strict=True) if is_it]
            work.share.add(embeddings[is_sound], sound)
        for place, is_it in zip(places, is_sound, strict=True):
            if not is_it:
                work.source.refuse(place)

    def _finish_if_done(self, work: SourceInWork) -> None:
        if work.has_ended and work.num_waiting == 0 and not work.is_finished:
            work.is_finished = True
            self._finish(work)

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
