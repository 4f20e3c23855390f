"""Exact search on Milvus: every row is compared there, and the nearest are ranked here in float64."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from inference.embeddings import Embeddings
from inference.index.exact_scan import ROUNDING, near_candidates, ranked
from inference.index.milvus.entities import stored_row
from inference.index.milvus.state import State
from inference.index.milvus.table import MOST_RESULTS, Table, both
from inference.index.store import Hit
from inference.index.stored_rows import StoredRow, check_row, unit_vectors

SPARE = 22  # hits beyond k, among which rounding may have changed the order
MORE = 16  # times as many, where equals go on behind these
TIMES_ROUNDING = 4  # Milvus divides by the length of both vectors too
BYTES_OF_AN_ANSWER = 32 * 2**20
BYTES_OF_METADATA = 500  # as a rule
MOST_QUERIES = 1000  # in one message


def search(
    table: Table,
    state: State,
    queries: Embeddings,
    k: int,
    where: str,
    min_similarity: float | None,
) -> list[list[Hit]]:
    """For each query its k nearest visible rows, nearest first, equals in insertion order.

    Milvus computes in float32 and breaks ties as it likes. So it is asked for some more rows than k; where
    the last of them is as near as the k-th within rounding, for more; and where that is more than it can give
    (16,384), all rows are read and compared here.
    """
    vectors = np.asarray(queries)
    if not state.num_rows:
        return [[] for _ in vectors]
    condition = both(table.visible(state), where)
    found: dict[int, list[Hit]] = {}
    for limit in _limits(k):
        unsure = [query for query in range(len(vectors)) if query not in found]
        for some in _messages(unsure, limit, vectors.shape[1]):
            answers = table.search(vectors[some], limit, state, condition)
            for query, answer in zip(some, answers, strict=True):
                if _is_sure(answer, k, limit, vectors.shape[1]):
                    rows = [stored_row(hit["entity"]) for hit in answer]
                    [found[query]] = _ranked(
                        rows, vectors[query : query + 1], k, min_similarity, table.address
                    )
    unsure = [query for query in range(len(vectors)) if query not in found]
    if unsure:
        every = _by_reading_all(table, state, vectors[unsure], k, where, min_similarity)
        found |= zip(unsure, every, strict=True)
    return [found[query] for query in range(len(vectors))]


def _limits(k: int) -> list[int]:
    """How many rows Milvus is asked for, and then for how many more."""
    first = k + SPARE
    return sorted({min(first * times, MOST_RESULTS) for times in (1, MORE, MOST_RESULTS)}) * (
        first <= MOST_RESULTS
    )


def _messages(queries: Sequence[int], limit: int, size: int) -> Iterator[list[int]]:
    """The queries in parts whose answers a message can carry."""
    at_once = BYTES_OF_AN_ANSWER // (limit * (4 * size + BYTES_OF_METADATA))
    at_once = max(1, min(at_once, MOST_QUERIES))
    for start in range(0, len(queries), at_once):
        yield list(queries[start : start + at_once])


def _is_sure(answer: Sequence[Mapping[str, Any]], k: int, limit: int, size: int) -> bool:
    """Whether no row that was left out can belong to the k nearest, however Milvus rounded."""
    if len(answer) < limit:
        return True
    near = sorted((float(hit["distance"]) for hit in answer), reverse=True)
    return near[-1] < near[k - 1] - TIMES_ROUNDING * ROUNDING * size


def _ranked(
    rows: list[StoredRow],
    queries: np.ndarray,
    k: int,
    min_similarity: float | None,
    address: object,
) -> list[list[Hit]]:
    """The k nearest of these rows for each query, as the embedded store ranks them."""
    rows = sorted(rows)
    for row in rows:
        check_row(address, *row[1:])
    if not rows:
        return [[] for _ in queries]
    vectors = unit_vectors([row[2] for row in rows], queries.shape[1])
    everything = [np.arange(len(rows))] * len(queries)
    return [
        [
            Hit(rows[place][1], similarity, json.loads(rows[place][3]))
            for place, similarity in zip(places.tolist(), similarities.tolist(), strict=True)
        ]
        for places, similarities in ranked(vectors, queries, everything, k, min_similarity)
    ]


def _by_reading_all(
    table: Table,
    state: State,
    queries: np.ndarray,
    k: int,
    where: str,
    min_similarity: float | None,
) -> list[list[Hit]]:
    """The slow way, for more hits than Milvus gives: what may be among the k nearest so far is kept."""
    kept: list[StoredRow] = []
    for page in table.pages(state, where):
        kept += [stored_row(entity) for entity in page]
        if len(kept) > k:
            vectors = unit_vectors([row[2] for row in kept], queries.shape[1])
            near = near_candidates(vectors, queries, k, None)
            kept = [kept[place] for place in np.unique(np.concatenate(near)).tolist()]
    return _ranked(kept, queries, k, min_similarity, table.address)
