"""The contract between an index and whatever keeps its rows: a file here, a server's engine elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from inference.embeddings import Embeddings

Scalar = str | int | float | bool | None
Metadata = dict[str, Scalar]
Where = Mapping[str, Scalar | Sequence[Scalar]]  # as callers write it
Filter = Mapping[str, list[Scalar]]  # as stores receive it: any of the list, under every key


@dataclass(frozen=True, eq=False)
class Row:
    """One row of an index.

    Attributes:
        id: str, unique in the index.
        embedding: Embeddings float32 [size], unit length, as it was added.
        metadata: dict of str to str, int, float, bool or None.
    """

    id: str
    embedding: Embeddings
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True)
class Hit:
    """One answer of a search.

    Attributes:
        id: str, the row that was found.
        similarity: float, cosine of the angle between query and row, in [-1, 1]; higher is more alike.
        metadata: dict of str to str, int, float, bool or None.
    """

    id: str
    similarity: float
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True)
class StoreSettings:
    """What a store knows of its encoder; None until rows came that told it."""

    fingerprint: str | None
    embedding_size: int | None


@dataclass(frozen=True)
class LogEntry:
    """One thing that was done to an index.

    Attributes:
        number: int, counts up from 1.
        time: datetime, in UTC.
        action: str: create, upgrade, add, update, delete, compact or recover.
        num_rows: int, rows that were added, changed or deleted; for compact, upgrade and recover, rows there
            are.
        version: str, of fused-encoder.
        fingerprint: str or None, the encoder whose embeddings the index held.
    """

    number: int
    time: datetime
    action: str
    num_rows: int
    version: str
    fingerprint: str | None


@dataclass(frozen=True)
class Approximation:
    """What an approximate search costs: some of the nearest rows may be missed.

    Attributes:
        recall_at_10: float in [0, 1], share of the ten nearest other rows that it finds, measured on rows of
            the index as queries that had no part in choosing `num_probes`.
        num_queries: int, how many such rows.
        num_rows: int, rows when it was built. Rows that came or changed since are compared exactly.
        num_lists: int, groups into which the rows were divided.
        num_probes: int, nearest groups that are searched.
    """

    recall_at_10: float
    num_queries: int
    num_rows: int
    num_lists: int
    num_probes: int


class Store(Protocol):
    """Keeps rows and finds the nearest; every call is atomic and sees all that was committed before it.

    `EmbeddingIndex` checks the form of all input (types, shapes, unit length, duplicates in one call) before
    it calls a store; the store checks what depends on what it holds, inside its own transaction.
    """

    @property
    def location(self) -> str:
        """Where the rows are, in words for messages."""

    def settings(self) -> StoreSettings:
        """The encoder and size that this store accepts."""

    def add(self, ids: Sequence[str], embeddings: Embeddings, metadata: Sequence[Metadata]) -> int:
        """Keep the new rows; returns how many were. ValueError if an id is there with another row."""

    def update(
        self, ids: Sequence[str], embeddings: Embeddings | None, metadata: Sequence[Metadata] | None
    ) -> None:
        """Replace embeddings, metadata or both. KeyError if an id is not there."""

    def delete(self, ids: Sequence[str]) -> int:
        """Forget these rows; returns how many were there."""

    def get(self, ids: Sequence[str]) -> list[Row]:
        """The rows in the order of `ids`. KeyError if an id is not there."""

    def rows(self) -> Iterator[Row]:
        """All rows in insertion order."""

    def count(self, where: Filter) -> int:
        """How many rows pass the filter."""

    def search(
        self,
        queries: Embeddings,
        k: int,
        where: Filter,
        min_similarity: float | None,
        *,
        approximate: bool = False,
    ) -> list[list[Hit]]:
        """For each query [num, size] its k nearest rows, nearest first, equals in insertion order.

        Where `approximate`, some may be missed; ValueError where that was not built and is worth it.
        """

    def build_approximate(self, target_recall: float) -> Approximation | None:
        """Make ready for approximate search; None where the rows are so few that exact search is as quick."""

    def approximation(self) -> Approximation | None:
        """What was built, if it was."""

    def log(self) -> Iterator[LogEntry]:
        """What was done to the rows, oldest first."""

    def compact(self) -> int:
        """Give back the space of what was deleted; returns the bytes."""

    def check(self) -> list[str]:
        """Read everything; what is wrong, in words. An empty list where nothing is."""

    def close(self) -> None:
        """Let go of files and connections; a second call does nothing."""
