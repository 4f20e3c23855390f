"""Every way to scan finds what sorting every similarity finds: with ties, filters, and blocks of any size."""

import numpy as np
import pytest

from inference.index import near_rows
from inference.index.near_rows import nearest


def embeddings(num: int, num_distinct: int, seed: int) -> np.ndarray:
    """Rows of which many are equal, or differ in the last digit only."""
    rng = np.random.default_rng(seed)
    distinct = rng.standard_normal((num_distinct, 24))
    rows = distinct[rng.integers(num_distinct, size=num)]
    rows = rows + 1e-7 * rng.integers(-1, 2, size=rows.shape)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def cosine(row: np.ndarray, query: np.ndarray) -> float:
    a, b = row.astype(np.float64), query.astype(np.float64)
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("num_distinct", [3, 40, 1000])
@pytest.mark.parametrize("way", ["numpy", "small blocks", "faiss"])
def test_it_finds_what_sorting_all_finds(way, num_distinct, seed, monkeypatch):
    if way == "faiss":
        pytest.importorskip("faiss")
    monkeypatch.setattr(near_rows, "FAISS_FROM_ROWS", 0 if way == "faiss" else 10**9)
    if way == "small blocks":
        monkeypatch.setattr(near_rows, "SIMILARITIES_AT_ONCE", 300)
        monkeypatch.setattr(near_rows, "QUERIES_AT_ONCE", 4)
        monkeypatch.setattr(near_rows, "RANKED_AT_ONCE", 24 * 10)
    rng = np.random.default_rng(seed)
    rows = embeddings(500, num_distinct, seed)
    queries = np.concatenate([rows[:3], embeddings(4, 4, seed + 100)])
    cosines = [[cosine(row, query) for row in rows] for query in queries]
    for k in (1, 7, 60, 499, 600):
        for share in (None, 0.9, 0.3, 0.02, 0.0):
            passing = None if share is None else rng.random(500) < share
            may = range(500) if passing is None else np.flatnonzero(passing).tolist()
            found = nearest(rows, queries, k, passing=passing)
            for near, (places, similarities) in zip(cosines, found, strict=True):
                expected = sorted(may, key=lambda place: -near[place])[:k]
                assert places.tolist() == expected
                assert similarities == pytest.approx([near[place] for place in expected], abs=1e-12)
