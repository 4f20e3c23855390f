"""Approximate search: only on request, with its measured recall, and right about all that changed since."""

import os
import sys
from pathlib import Path

import numpy as np
import pytest

from inference.index import Approximation, EmbeddingIndex, approximate
from inference.index.ivf_file import load_ivf

faiss = pytest.importorskip("faiss")
NUM, SIZE = 3000, 16


def grouped(num: int, seed: int = 0) -> np.ndarray:
    """Rows that lie in 60 groups."""
    rng, centres = (
        np.random.default_rng(seed),
        np.random.default_rng(99).standard_normal((60, SIZE)),
    )
    vectors = centres[rng.integers(60, size=num)] + 0.3 * rng.standard_normal((num, SIZE))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(approximate, "FROM_ROWS", 1000)
    path = tmp_path / "birds.index"
    with EmbeddingIndex.open(path) as index:
        index.add([str(row) for row in range(NUM)], grouped(NUM))
    return path


def ids(index: EmbeddingIndex, query: np.ndarray, **options: object) -> list[str]:
    return [hit.id for hit in index.search(query, **options)[0]]


def test_the_recall_that_is_told_is_the_recall_that_is_got(path: Path) -> None:
    with EmbeddingIndex.open(path) as index:
        told = index.build_approximate(target_recall=0.9)
        assert told is not None
        assert (told.num_rows, told.num_queries) == (NUM, 500)
        assert 1 < told.num_probes < told.num_lists
        queries = grouped(400, seed=1)
        exact = index.search(queries, k=10)
        near = index.search(queries, k=10, approximate=True)
        recall = np.mean(
            [
                len({h.id for h in a} & {h.id for h in b}) / 10
                for a, b in zip(exact, near, strict=True)
            ]
        )
        assert 0.85 < told.recall_at_10 < 1
        assert recall == pytest.approx(told.recall_at_10, abs=0.05)


def test_similarities_are_exact(path: Path) -> None:
    with EmbeddingIndex.open(path) as index:
        index.build_approximate()
        exact = {hit.id: hit.similarity for hit in index.search(grouped(1, seed=1), k=NUM)[0]}
        for hit in index.search(grouped(1, seed=1), k=20, approximate=True)[0]:
            assert hit.similarity == exact[hit.id]


def test_searching_every_group_is_exact(path: Path) -> None:
    with EmbeddingIndex.open(path) as index:
        told = index.build_approximate(target_recall=1.0)
        assert told is not None
        assert told.recall_at_10 > 0.999
        queries = grouped(50, seed=1)
        if told.num_probes == told.num_lists:
            assert index.search(queries, approximate=True) == index.search(queries)


def test_it_is_read_by_the_next_process(path: Path) -> None:
    with EmbeddingIndex.open(path) as index:
        told = index.build_approximate()
    with EmbeddingIndex.open(path, read_only=True) as index:
        assert index.approximation == told
        assert ids(index, grouped(NUM)[7], k=1, approximate=True) == ["7"]


def test_what_came_or_changed_since_is_found(path: Path) -> None:
    with EmbeddingIndex.open(path) as index:
        index.build_approximate()
        new, moved = np.eye(SIZE, dtype=np.float32)[:2], np.eye(SIZE, dtype=np.float32)[2:3]
        index.add(["new 0", "new 1"], new)
        index.update(["5"], moved)
        near_7 = ids(index, grouped(NUM)[7], k=2)
        index.delete(["7", "new 1"])
        assert ids(index, new[0], k=1, approximate=True) == ["new 0"]
        assert ids(index, moved[0], k=1, approximate=True) == ["5"]
        assert ids(index, grouped(NUM)[7], k=1, approximate=True) == near_7[1:]
        assert "new 1" not in ids(index, new[1], k=50, approximate=True)


def test_too_many_changes_ask_to_build_again(path: Path) -> None:
    with EmbeddingIndex.open(path) as index:
        index.build_approximate()
        index.add([f"new {row}" for row in range(400)], grouped(400, seed=2))
        for _ in range(2):
            with pytest.raises(ValueError, match=r"built of 3000 rows, and 400 came .* again"):
                index.search(grouped(1), approximate=True)
        index.build_approximate()
        assert len(index.search(grouped(1), approximate=True)[0]) == 5


def test_without_building_it_is_refused(path: Path) -> None:
    with EmbeddingIndex.open(path) as index:
        assert index.approximation is None
        with pytest.raises(ValueError, match=r"no approximate search that fits. Call .*build_appr"):
            index.search(grouped(1), approximate=True)


def test_a_small_index_is_searched_exactly(tmp_path: Path) -> None:
    with EmbeddingIndex.open(tmp_path / "small.index") as index:
        assert index.search([1.0, 0.0], approximate=True) == [[]]
        assert index.build_approximate() is None
        index.add(["a"], [[1.0, 0.0]])
        assert index.build_approximate() is None
        assert ids(index, np.array([1.0, 0.0]), approximate=True) == ["a"]


def test_a_filter_is_applied_exactly(path: Path) -> None:
    with EmbeddingIndex.open(path) as index:
        index.build_approximate(target_recall=0.5)
        index.update([str(row) for row in range(0, NUM, 10)], metadata=[{"tenth": True}] * 300)
        where = {"tenth": True}
        exact = index.search(grouped(5, seed=3), k=300, where=where)
        assert index.search(grouped(5, seed=3), k=300, where=where, approximate=True) == exact


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(os.urandom(5000)),
        lambda file: os.truncate(file, file.stat().st_size - 1),
        lambda file: os.truncate(file, file.stat().st_size // 2),
        lambda file: file.unlink(),
        lambda file: file.write_bytes(file.read_bytes().replace(b"recall", b"rekall")),
    ],
)
def test_a_damaged_file_is_not_given_to_faiss(path: Path, damage: object) -> None:
    with EmbeddingIndex.open(path) as index:
        index.build_approximate()
    damage(path.with_name("birds.index-ivf"))  # type: ignore[operator]
    with (
        EmbeddingIndex.open(path) as index,
        pytest.raises(ValueError, match="no approximate search that fits"),
    ):
        index.search(grouped(1), approximate=True)


@pytest.mark.parametrize("seed", range(20))
def test_changed_bytes_are_noticed_before_faiss_reads_them(path: Path, seed: int) -> None:
    file = path.with_name("birds.index-ivf")
    if not file.exists():
        with EmbeddingIndex.open(path) as index:
            index.build_approximate(target_recall=0.5)
    content, generator = bytearray(file.read_bytes()), np.random.default_rng(seed)
    content[int(generator.integers(len(content)))] ^= 1 << int(generator.integers(8))
    file.write_bytes(content)
    assert load_ivf(file) is None


def test_the_file_of_another_past_is_not_used(path: Path) -> None:
    with EmbeddingIndex.open(path) as index:
        index.build_approximate()
        assert isinstance(index.approximation, Approximation)
        index.compact()
        assert index.approximation is not None
        index.delete(["1"])
        index.compact()  # what changed is no longer listed
        assert index.approximation is None


def test_a_recall_that_cannot_be_is_refused(path: Path) -> None:
    with EmbeddingIndex.open(path) as index, pytest.raises(ValueError, match=r"in \(0, 1\]"):
        index.build_approximate(target_recall=1.5)


def test_without_faiss_the_extra_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", None)
    with (
        EmbeddingIndex.open(path) as index,
        pytest.raises(ImportError, match=r"fused-encoder\[faiss\]"),
    ):
        index.build_approximate()
