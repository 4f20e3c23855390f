"""Approximate search, on request: rows are divided into groups, and only the nearest groups are searched."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inference.index.approximate_build import build_ivf, search_groups
from inference.index.exact_scan import Found, near_candidates, nearest, ranked
from inference.index.faiss_scan import SPARE
from inference.index.ivf_file import IvfAbout, load_about, load_ivf, save_ivf
from inference.index.resident_matrix import ResidentMatrix
from inference.index.schema import Moment, changes_known_from, current_moment, was_at
from inference.index.side_files import beside, locked_file
from inference.index.store import Approximation

if TYPE_CHECKING:
    import faiss

FROM_ROWS = 50_000  # below, exact search is as quick
SECONDS_TO_WAIT = 60.0  # for another process that writes it
OUTDATED_SHARE = 0.1  # of rows that came or changed since


class ApproximateSearch:
    """The approximate search of one index, from the file beside it (`<index>-ivf`).

    Rows that came or changed after it was built are compared exactly; the similarities of all hits are exact.

    Args:
        path: Path of the index.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = beside(path, "-ivf")
        self._loaded: tuple[IvfAbout, faiss.Index] | None = None
        self._extra = np.empty(0, np.int64)  # rows of the matrix that are compared exactly
        self._extra_of: Moment | None = None

    def about(self, connection: sqlite3.Connection, size: int | None) -> IvfAbout | None:
        """What was built for this index, if it still fits."""
        about = load_about(self._file)
        if about is None or about.size != size or not was_at(connection, about.moment):
            return None
        return about if about.moment.entry >= changes_known_from(connection) else None

    def build(
        self, connection: sqlite3.Connection, matrix: ResidentMatrix, target_recall: float
    ) -> Approximation | None:
        """Divide the rows into groups and write the file; None where there are too few rows or no log.

        Raises:
            ImportError: faiss is not installed.
            OSError: the file cannot be written.
        """
        rows = _live_rows(matrix)
        moment = current_moment(connection)
        if len(rows) < FROM_ROWS or moment is None:
            return None
        ivf, approximation = build_ivf(matrix.embeddings, matrix.positions, rows, target_recall)
        about = IvfAbout(matrix.embeddings.shape[1], moment, _end(matrix), approximation)
        with locked_file(self._file, SECONDS_TO_WAIT):
            save_ivf(self._file, ivf, about)
        self._loaded = self._extra_of = None
        return approximation

    def nearest(
        self,
        connection: sqlite3.Connection,
        matrix: ResidentMatrix,
        queries: np.ndarray,
        k: int,
        min_similarity: float | None,
    ) -> Found:
        """As `exact_scan.nearest`; some rows may be missed.

        Raises:
            ValueError: it was not built, or too many rows came or changed since.
        """
        if len(matrix.positions) < FROM_ROWS:
            return nearest(matrix.embeddings, queries, k, min_similarity, matrix.is_live)
        about, ivf = self._ready(connection, matrix)
        queries = np.ascontiguousarray(queries, dtype=np.float32)
        found = search_groups(ivf, queries, k + SPARE, about.approximation.num_probes)
        extra = matrix.embeddings[self._extra]
        near_extra = (
            near_candidates(extra, queries, k, None) if len(extra) else [None] * len(queries)
        )
        candidates = []
        for positions, near in zip(found, near_extra, strict=True):
            rows = _rows_at(matrix, positions[positions >= 0])
            candidates.append(rows if near is None else np.union1d(rows, self._extra[near]))
        return ranked(matrix.embeddings, queries, candidates, k, min_similarity)

    def _ready(
        self, connection: sqlite3.Connection, matrix: ResidentMatrix
    ) -> tuple[IvfAbout, faiss.Index]:
        moment = current_moment(connection)
        if self._loaded is None or self._extra_of != moment:
            about = self.about(connection, matrix.embeddings.shape[1])
            if about is None:
                raise self._missing()
            if self._loaded is None or self._loaded[0] != about:
                ivf = load_ivf(self._file)
                if ivf is None:
                    raise self._missing()
                self._loaded = (about, ivf)
            self._extra = _came_or_changed(connection, matrix, about)
            self._extra_of = moment
            num_rows = about.approximation.num_rows
            if len(self._extra) > OUTDATED_SHARE * num_rows:
                self._extra_of = None
                raise ValueError(
                    f"The approximate search of {self._path} was built of {num_rows} rows, and "
                    f"{len(self._extra)} came or changed since. Call index.build_approximate() again, or "
                    "search without approximate=True."
                )
        return self._loaded

    def _missing(self) -> ValueError:
        return ValueError(
            f"The index {self._path} has no approximate search that fits. Call index.build_approximate() "
            f"first (`fused-encoder index approximate {self._path}`), or search without approximate=True."
        )


def _came_or_changed(
    connection: sqlite3.Connection, matrix: ResidentMatrix, about: IvfAbout
) -> np.ndarray:
    """Rows of the matrix that came or changed after it was built, those that are live."""
    changed = connection.execute(
        "SELECT position FROM changes WHERE entry > ?", (about.moment.entry,)
    )
    rows = _rows_at(matrix, np.array([position for (position,) in changed], dtype=np.int64))
    came = np.arange(
        np.searchsorted(matrix.positions, about.last_position + 1), len(matrix.positions)
    )
    if matrix.is_live is not None:
        came = came[matrix.is_live[came]]
    return np.union1d(rows, came)


def _rows_at(matrix: ResidentMatrix, positions: np.ndarray) -> np.ndarray:
    """Live rows of the matrix at these positions of the file, increasing; what is gone is left out."""
    if len(positions) == 0:
        return np.empty(0, np.int64)
    positions = np.sort(positions)
    rows = np.minimum(np.searchsorted(matrix.positions, positions), len(matrix.positions) - 1)
    is_there = matrix.positions[rows] == positions
    if matrix.is_live is not None:
        is_there &= matrix.is_live[rows]
    return rows[is_there]


def _live_rows(matrix: ResidentMatrix) -> np.ndarray:
    if matrix.is_live is None:
        return np.arange(len(matrix.positions))
    return np.flatnonzero(matrix.is_live)


def _end(matrix: ResidentMatrix) -> int:
    return int(matrix.positions[-1]) if len(matrix.positions) else -1
