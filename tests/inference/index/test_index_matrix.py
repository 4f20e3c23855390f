"""The matrix beside an index: a damaged, outdated or mismatched one is rebuilt."""

import os
import shutil
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from inference.index import EmbeddingIndex, matrix, sqlite_rows, sqlite_store
from tests.inference.vectors import random_unit

embeddings = partial(random_unit, size=8)


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch):
    monkeypatch.setattr(matrix, "LEAST_ROOM", 20)
    monkeypatch.setattr(matrix, "ROWS_AT_ONCE", 10)
    monkeypatch.setattr(sqlite_rows, "ROWS_AT_ONCE", 10)


@pytest.fixture
def path(tmp_path):
    """An index of 40 rows, closed, with its matrix."""
    path = tmp_path / "birds.index"
    with EmbeddingIndex.open(path) as index:
        index.add([str(row) for row in range(40)], embeddings(40))
        index.search(embeddings(1))
    return path


def matrix_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-matrix.npy")


def assert_answers_fit_the_rows(path: Path) -> None:
    """Every row finds itself, with all others behind it as near as the file says."""
    with EmbeddingIndex.open(path, create=False) as index:
        rows = list(index)
        assert rows
        answers = index.search(np.stack([row.embedding for row in rows]), k=len(rows))
        for row, hits in zip(rows, answers, strict=True):
            expected = {other.id: float(other.embedding @ row.embedding) for other in rows}
            assert {hit.id: hit.similarity for hit in hits} == pytest.approx(expected, abs=1e-6)


def test_it_is_mapped_and_not_made_again(path, caplog):
    before = matrix_of(path).stat()
    assert_answers_fit_the_rows(path)
    after = matrix_of(path).stat()
    assert np.allclose(np.load(matrix_of(path))[:40], embeddings(40))  # other programs can read it
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert caplog.text == ""


def test_new_rows_are_kept_in_memory_until_the_file_has_no_room(path):
    files = [matrix_of(path).stat().st_ino]
    for start, num in ((40, 15), (55, 50)):
        with EmbeddingIndex.open(path) as index:
            index.add([str(row) for row in range(start, start + num)], embeddings(num, seed=start))
        assert_answers_fit_the_rows(path)
        files.append(matrix_of(path).stat().st_ino)
    assert files[0] == files[1] != files[2]


@pytest.mark.parametrize("one_bit_at", [128, -1, -30])
def test_one_changed_bit_is_noticed_and_mended(path, one_bit_at, caplog):
    content = bytearray(matrix_of(path).read_bytes())
    content[one_bit_at] ^= 1
    matrix_of(path).write_bytes(content)
    assert_answers_fit_the_rows(path)
    assert "it is made again" in caplog.text
    caplog.clear()
    assert_answers_fit_the_rows(path)
    assert caplog.text == ""


@pytest.mark.parametrize(
    "damage",
    [
        lambda matrix: matrix.unlink(),
        lambda matrix: matrix.write_bytes(b""),
        lambda matrix: matrix.write_bytes(b"not a matrix" * 1000),
        lambda matrix: os.truncate(matrix, matrix.stat().st_size - 1),
        lambda matrix: os.truncate(matrix, matrix.stat().st_size + 10_000),
        lambda matrix: matrix.write_bytes(bytes(matrix.stat().st_size)),
    ],
    ids=["missing", "empty", "other", "short", "long", "zeros"],
)
def test_any_other_file_is_made_again(path, damage):
    damage(matrix_of(path))
    assert_answers_fit_the_rows(path)
    assert matrix_of(path).stat().st_size > 1000


def test_a_restored_copy_does_not_believe_the_matrix_of_its_later_self(path):
    """Same number of rows, same positions, other embeddings: only the log tells them apart."""
    copy = shutil.copy(path, path.with_name("copy"))
    with EmbeddingIndex.open(path) as index:
        index.add([f"later {row}" for row in range(30)], embeddings(30, seed=5))
        index.search(embeddings(1))
    shutil.copy(copy, path)
    with EmbeddingIndex.open(path) as index:
        assert "later 1" not in index
        assert len(index.search(embeddings(1), k=100)[0]) == 40
        index.add(["other"], embeddings(1, seed=6))
    assert_answers_fit_the_rows(path)


def test_the_matrix_of_another_index_is_not_believed(path, tmp_path):
    other = tmp_path / "other.index"
    with EmbeddingIndex.open(other) as index:
        index.add([str(row) for row in range(40)], embeddings(40, seed=9))
    shutil.copy(matrix_of(path), matrix_of(other))
    assert_answers_fit_the_rows(other)


def test_a_transaction_before_another_process_saves_a_later_matrix_sees_its_own_rows(path):
    with EmbeddingIndex.open(path) as index, EmbeddingIndex.open(path) as other:
        with index._store._current() as (_, before):  # type: ignore[union-attr]
            other.delete(["3"])
            other.add([f"more {row}" for row in range(30)], embeddings(30, seed=3))
            assert len(other.search(embeddings(1), k=100)[0]) == 69
            assert before is not None
            assert len(before.live_rows()) == 40
        assert len(index.search(embeddings(1), k=100)[0]) == 69
    assert_answers_fit_the_rows(path)


def test_a_damaged_row_that_is_found_is_named(path):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE rows SET metadata = '{\"n\": 1}' WHERE id = '7'")
    query, other = embeddings(40)[[7, 8]]
    with EmbeddingIndex.open(path) as index:
        assert index.search(other, k=1)[0][0].id == "8"
        with pytest.raises(ValueError, match=r"The row '7' of the index .* is damaged"):
            index.search(query, k=1)


def test_few_changes_are_patched_in_memory_and_many_worked_into_the_file(path, monkeypatch):
    monkeypatch.setattr(sqlite_store, "FEW_CHANGES", 3)
    before = matrix_of(path).stat().st_ino
    with EmbeddingIndex.open(path) as reader, EmbeddingIndex.open(path) as writer:
        reader.search(embeddings(1))
        writer.update(["5"], embeddings(1, seed=8))
        writer.delete(["6"])
        hits = reader.search(embeddings(1, seed=8), k=40)[0]
        assert (hits[0].id, hits[0].similarity) == ("5", pytest.approx(1))
        assert "6" not in [hit.id for hit in hits]
        assert matrix_of(path).stat().st_ino == before
        writer.delete([str(row) for row in range(10)])
        reader.search(embeddings(1))
        assert matrix_of(path).stat().st_ino != before
    assert_answers_fit_the_rows(path)


def test_where_it_cannot_be_written_the_search_goes_on_in_memory(path, monkeypatch, caplog):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with EmbeddingIndex.open(path) as index:
        index.search(embeddings(1))
        monkeypatch.setattr(sqlite_store, "save_matrix", full)
        for number in range(40):
            index.add([f"more {number}"], embeddings(1, seed=30 + number))
            index.delete([str(number)])
            assert index.search(embeddings(1, seed=30 + number), k=1)[0][0].id == f"more {number}"
    assert caplog.text.count("searching without a matrix file") == 1
    monkeypatch.undo()
    assert_answers_fit_the_rows(path)


def test_what_a_killed_process_left_unfinished_is_removed_later(path):
    left, young = (path.with_name(f"birds.index-matrix.npy.{name}.part") for name in "ab")
    for file in (left, young):
        file.write_bytes(b"half")
    os.utime(left, (0, 0))
    matrix_of(path).unlink()
    assert_answers_fit_the_rows(path)
    assert (left.exists(), young.exists()) == (False, True)
