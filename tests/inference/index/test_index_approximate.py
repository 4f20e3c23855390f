"""Approximate search: only on request, with its measured recall; exact after any change."""

import os
import sys

import numpy as np
import pytest

from inference.index import EmbeddingIndex, sqlite_store
from tests.inference.vectors import random_unit, unit

faiss = pytest.importorskip("faiss")
NUM, SIZE = 3000, 16


def grouped(num: int, seed: int = 0) -> np.ndarray:
    """Rows that lie in 60 groups."""
    rng, centres = np.random.default_rng(seed), random_unit(60, SIZE, 99) * 4
    vectors = centres[rng.integers(60, size=num)] + 0.3 * rng.standard_normal((num, SIZE))
    return unit(vectors).astype(np.float32)


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite_store, "FROM_ROWS", 1000)
    path = tmp_path / "birds.index"
    with EmbeddingIndex.open(path) as index:
        index.add([str(row) for row in range(NUM)], grouped(NUM))
    return path


def ids(index: EmbeddingIndex, query: np.ndarray, **options: object) -> list[str]:
    return [hit.id for hit in index.search(query, **options)[0]]


def test_the_recall_that_is_told_is_the_recall_that_is_got(path):
    with EmbeddingIndex.open(path) as index:
        told = index.build_approximate(target_recall=0.9)
        assert told is not None
        assert (told.num_rows, told.num_queries) == (NUM, 500)
        assert 1 < told.num_probes < told.num_lists
        queries = grouped(400, seed=1)
        exact = index.search(queries, k=10)
        near = index.search(queries, k=10, approximate=True)
        similarity_of = {hit.id: hit.similarity for hit in index.search(queries[0], k=NUM)[0]}
        assert all(hit.similarity == similarity_of[hit.id] for hit in near[0])
        found, true = ([{hit.id for hit in hits} for hits in answers] for answers in (near, exact))
        recall = np.mean([len(a & b) / 10 for a, b in zip(found, true, strict=True)])
        assert 0.85 < told.recall_at_10 < 1
        assert recall == pytest.approx(told.recall_at_10, abs=0.05)


def test_it_is_read_by_the_next_process(path):
    with EmbeddingIndex.open(path) as index:
        told = index.build_approximate()
    with EmbeddingIndex.open(path, read_only=True) as index:
        assert index.approximation == told
        assert ids(index, grouped(NUM)[7], k=1, approximate=True) == ["7"]


def test_after_any_change_search_is_exact(path):
    queries = grouped(20, seed=1)
    with EmbeddingIndex.open(path) as index:
        assert index.search(queries, approximate=True) == index.search(queries)
        index.build_approximate(target_recall=0.3)
        assert index.search(queries, approximate=True) != index.search(queries)
        index.add(["new"], grouped(1, seed=2))
        assert index.approximation is None
        assert index.search(queries, approximate=True) == index.search(queries)
        index.build_approximate(target_recall=0.3)
        index.delete(["new", "7"])
        assert "7" not in ids(index, grouped(NUM)[7], approximate=True)
        told = index.build_approximate()
        assert told is not None
        assert (told.num_rows, index.approximation) == (NUM - 1, told)
        assert "7" not in ids(index, grouped(NUM)[7], approximate=True)


def test_a_small_index_is_searched_exactly(tmp_path):
    with EmbeddingIndex.open(tmp_path / "small.index") as index:
        assert index.search([1.0, 0.0], approximate=True) == [[]]
        assert index.build_approximate() is None
        index.add(["a"], [[1.0, 0.0]])
        assert index.build_approximate() is None
        assert ids(index, np.array([1.0, 0.0]), approximate=True) == ["a"]


def test_a_filter_is_applied_exactly(path):
    with EmbeddingIndex.open(path) as index:
        index.build_approximate(target_recall=0.5)
        index.update([str(row) for row in range(0, NUM, 10)], metadata=[{"tenth": True}] * 300)
        where = {"tenth": True}
        exact = index.search(grouped(5, seed=3), k=300, where=where)
        assert index.search(grouped(5, seed=3), k=300, where=where, approximate=True) == exact


@pytest.mark.parametrize("ending", ["faiss", "json"])
@pytest.mark.parametrize(
    "damaged",
    [
        lambda content: b"",
        lambda content: os.urandom(5000),
        lambda content: content[: len(content) // 2],
        lambda content: content.replace(b"recall", b"rekall") + b" ",
        lambda content: content[:99] + bytes([content[99] ^ 1]) + content[100:],
    ],
    ids=["empty", "noise", "half", "longer", "bit"],
)
def test_a_damaged_file_is_not_given_to_faiss(path, ending, damaged, caplog):
    queries = grouped(20, seed=1)
    with EmbeddingIndex.open(path) as index:
        index.build_approximate(target_recall=0.3)
    file = path.with_name(f"birds.index-approximate.{ending}")
    content = file.read_bytes()
    file.unlink()
    file.write_bytes(damaged(content))
    with EmbeddingIndex.open(path) as index:
        assert index.approximation is None
        assert index.search(queries, approximate=True) == index.search(queries)
        assert "cannot be used" in caplog.text or ending == "json"


def test_a_recall_that_cannot_be_is_refused_and_without_faiss_the_extra_named(path, monkeypatch):
    with EmbeddingIndex.open(path) as index:
        with pytest.raises(ValueError, match=r"in \(0, 1\]"):
            index.build_approximate(target_recall=1.5)
        monkeypatch.setitem(sys.modules, "faiss", None)
        with pytest.raises(ImportError, match=r"fused-encoder\[faiss\]"):
            index.build_approximate()
