"""Sound and items gathered over the borders of files, so that the networks always get full batches."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from itertools import groupby
from typing import Any, Generic, Self, TypeVar

import numpy as np

from archives.embed.open_source import Item, OpenSource, Rows
from fused_encoder.front_ends.contract import AudioFrontEnd

NUM_THREADS = 2
"""Batches in the networks at once: one uses the cores that the other leaves idle between its layers."""
Result = TypeVar("Result")


class BatchQueue(ABC, Generic[Rows, Result]):
    """Takes what is ready of several sources, makes frames of their sound, and computes with full batches.

    The networks run in threads of their own, while the caller receives what is decoded. Use as a context.

    Args:
        front_end: makes frames of the sound.
        finish: called with each source once all of it is computed.
    """

    def __init__(
        self, front_end: AudioFrontEnd, finish: Callable[[OpenSource[Rows]], None]
    ) -> None:
        self._front_end, self._finish = front_end, finish
        self._pieces: deque[tuple[OpenSource[Rows], np.ndarray]] = deque()
        self._items: deque[tuple[OpenSource[Rows], Item]] = deque()
        self._num_frames = 0
        self._threads = ThreadPoolExecutor(NUM_THREADS, thread_name_prefix="network")
        self._running: deque[tuple[Future[Any], Callable[[Any], None]]] = deque()

    @abstractmethod
    def is_full(self, items: Sequence[Item]) -> bool:
        """Whether so many items make a batch."""

    @abstractmethod
    def compute(self, items: list[Item]) -> Result:
        """What the network says of a batch; called in a thread."""

    @abstractmethod
    def take(
        self, source: OpenSource[Rows], rows: list[int], items: list[Item], result: Result
    ) -> None:
        """Keeps the rows of a batch's result that belong to a source."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)

    def advance(self, source: OpenSource[Rows]) -> None:
        """Takes what is ready of a source, and has the networks work on what fills a batch."""
        for piece in source.take_pieces():
            self._pieces.append((source, piece))
            self._num_frames += self._front_end.frames_in_samples(len(piece))
            source.num_waiting += 1
        if self._num_frames >= self._front_end.windows_per_batch:
            self._hear()
        self._gather(source)
        while len(self._running) > NUM_THREADS:
            self._collect()

    def flush(self) -> None:
        """Computes all that waits, however little it is."""
        while self._pieces or self._items or self._running:
            self._hear()
            while self._running:
                self._collect()
            self._compute()

    def _gather(self, source: OpenSource[Rows]) -> None:
        """Takes what can be computed; a source that has no more is finished."""
        for item in source.take_items():
            self._items.append((source, item))
            source.num_waiting += 1
            if self.is_full([item for _, item in self._items]):
                self._compute()
        if source.has_ended and source.num_waiting == 0:
            self._finish(source)

    def _hear(self) -> None:
        """Has the front end make frames of the pieces that wait."""
        pieces = list(self._pieces)
        self._pieces.clear()
        self._num_frames = 0
        if pieces:
            sounds = [piece for _, piece in pieces]
            heard = self._threads.submit(self._front_end.embed_sounds, sounds)
            self._running.append((heard, partial(self._take_frames, pieces)))

    def _take_frames(
        self, pieces: list[tuple[OpenSource[Rows], np.ndarray]], sequences: list[np.ndarray]
    ) -> None:
        for (source, _), frames in zip(pieces, sequences, strict=True):
            source.add_frames(frames)
            source.num_waiting -= 1
            self._gather(source)

    def _compute(self) -> None:
        """Has the network compute with the items that wait."""
        batch = list(self._items)
        self._items.clear()
        if batch:
            computed = self._threads.submit(self.compute, [item for _, item in batch])
            self._running.append((computed, partial(self._take_result, batch)))

    def _collect(self) -> None:
        """Takes the result of what was begun first, so that frames and rows stay in their order."""
        future, take = self._running.popleft()
        take(future.result())

    def _take_result(self, batch: list[tuple[OpenSource[Rows], Item]], result: Result) -> None:
        for source, members in groupby(range(len(batch)), key=lambda row: batch[row][0]):
            rows = list(members)
            self.take(source, rows, [batch[row][1] for row in rows], result)
            source.num_waiting -= len(rows)
            self._gather(source)
