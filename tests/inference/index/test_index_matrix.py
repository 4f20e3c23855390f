"""The matrix beside an index: a copy that is never believed where it is damaged, late or of another past."""

import logging
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from inference.index import EmbeddingIndex, matrix_cache, matrix_file, resident_matrix
from inference.index.matrix_cache import SnapshotBehindError
from inference.index.matrix_file import MappedMatrix, map_matrix
from inference.index.resident_matrix import ResidentMatrix
from inference.index.side_files import locked_file
from inference.index.sqlite_file import SqliteFile

SIZE = 8


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix_file, "ROWS_PER_BLOCK", 16)
    monkeypatch.setattr(matrix_file, "SMALLEST_CAPACITY", 64)
    monkeypatch.setattr(matrix_cache, "ROWS_AT_ONCE", 10)


def embeddings(num: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((num, SIZE))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """An index of 40 rows, closed, with its matrix."""
    path = tmp_path / "birds.index"
    with EmbeddingIndex.open(path) as index:
        index.add([str(row) for row in range(40)], embeddings(40))
        index.search(embeddings(1))
    return path


@pytest.fixture
def matrix(path: Path) -> Path:
    return path.with_name("birds.index-matrix")


def assert_answers_fit_the_rows(path: Path) -> None:
    """Every row finds itself, with all others behind it as near as the file says."""
    with EmbeddingIndex.open(path, create=False) as index:
        rows = list(index)
        assert rows
        answers = index.search(np.stack([row.embedding for row in rows]), k=len(rows))
        for row, hits in zip(rows, answers, strict=True):
            expected = {other.id: float(other.embedding @ row.embedding) for other in rows}
            assert {hit.id: hit.similarity for hit in hits} == pytest.approx(expected, abs=1e-6)


def test_it_is_mapped_and_not_made_again(path: Path, matrix: Path) -> None:
    before = matrix.stat()
    assert_answers_fit_the_rows(path)
    after = matrix.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_new_rows_are_appended_in_place_and_then_to_a_larger_file(path: Path, matrix: Path) -> None:
    inodes = [matrix.stat().st_ino]
    for start, num in ((40, 20), (60, 50)):
        with EmbeddingIndex.open(path) as index:
            index.add([str(row) for row in range(start, start + num)], embeddings(num, seed=start))
        assert_answers_fit_the_rows(path)
        inodes.append(matrix.stat().st_ino)
    assert inodes[0] == inodes[1] != inodes[2]


@pytest.mark.parametrize("seed", range(40))
def test_changed_bytes_never_give_wrong_answers(path: Path, matrix: Path, seed: int) -> None:
    generator = np.random.default_rng(seed)
    content = bytearray(matrix.read_bytes())
    start = int(generator.integers(0, len(content) - 4))
    content[start : start + 4] = generator.bytes(4)
    matrix.write_bytes(content)
    assert_answers_fit_the_rows(path)


@pytest.mark.parametrize("one_bit_at", [40, 4096 + 8 * 30, -1, -SIZE * 4 * 20, -SIZE * 4 * 40])
def test_one_changed_bit_is_noticed_and_mended(
    path: Path, matrix: Path, one_bit_at: int, caplog: pytest.LogCaptureFixture
) -> None:
    content = bytearray(matrix.read_bytes())
    content[one_bit_at] ^= 1
    matrix.write_bytes(content)
    with EmbeddingIndex.open(path) as index:
        assert index.check() == [
            f"{matrix} is damaged or of another index; it is made again at the next search"
        ]
    assert_answers_fit_the_rows(path)
    assert "made again from the index" in caplog.text
    with EmbeddingIndex.open(path) as index:
        assert index.check() == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda matrix: matrix.unlink(),
        lambda matrix: matrix.write_bytes(b""),
        lambda matrix: matrix.write_bytes(b"not a matrix" * 1000),
        lambda matrix: os.truncate(matrix, matrix.stat().st_size - 1),
        lambda matrix: os.truncate(matrix, 5000),
        lambda matrix: os.truncate(matrix, matrix.stat().st_size + 10_000),
        lambda matrix: matrix.write_bytes(bytes(matrix.stat().st_size)),
    ],
    ids=["missing", "empty", "other", "one byte short", "short", "long", "zeros"],
)
def test_any_other_file_is_made_again(
    path: Path, matrix: Path, damage: Callable[[Path], object]
) -> None:
    damage(matrix)
    assert_answers_fit_the_rows(path)


def test_an_append_that_stops_in_the_middle_counts_for_nothing(
    path: Path, matrix: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    num_writes = iter(range(1000))
    write = os.pwrite

    def stop(descriptor: int, content: bytes, offset: int) -> int:
        if next(num_writes) >= stop_at:
            raise KeyboardInterrupt
        return write(descriptor, content, offset)

    for stop_at in range(8):
        num_writes = iter(range(1000))
        with EmbeddingIndex.open(path) as index:
            index.add([f"{stop_at}-{row}" for row in range(3)], embeddings(3, seed=stop_at))
            with monkeypatch.context() as patched:
                patched.setattr(os, "pwrite", stop)
                with suppress(KeyboardInterrupt):
                    index.search(embeddings(1))
        assert_answers_fit_the_rows(path)


def test_a_restored_copy_does_not_believe_the_matrix_of_its_later_self(path: Path) -> None:
    """Same number of rows, same positions, other embeddings: only the log tells them apart."""
    copy = shutil.copy(path, path.with_name("copy"))
    with EmbeddingIndex.open(path) as index:
        index.add(["later"], embeddings(1, seed=5))
        index.search(embeddings(1))
    shutil.copy(copy, path)
    with EmbeddingIndex.open(path) as index:
        assert "later" not in index
        assert len(index.search(embeddings(1), k=100)[0]) == 40
        index.add(["other"], embeddings(1, seed=6))
    assert_answers_fit_the_rows(path)


@pytest.mark.parametrize("change", ["add", "delete"])
def test_a_matrix_that_is_ahead_of_a_transaction_is_not_used_in_it(path: Path, change: str) -> None:
    file = SqliteFile(path, create=False)
    with file.reading() as connection:
        before = connection.execute("SELECT count(*) FROM rows").fetchone()
        with EmbeddingIndex.open(path) as other:
            if change == "delete":
                other.delete(["3"])
            other.add(["more"], embeddings(1, seed=3))
            other.search(embeddings(1))
        with pytest.raises(SnapshotBehindError):
            ResidentMatrix(path, SIZE, may_write=True).refresh(connection)
        in_memory = ResidentMatrix(path, SIZE, may_write=False)
        in_memory.refresh(connection)
        assert (len(in_memory.positions),) == before == (40,)
    file.close()
    assert_answers_fit_the_rows(path)


def test_another_that_appends_at_once_to_a_new_file_is_not_seen_too_early(
    path: Path, matrix: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock is on the file that was replaced: the new one is free from the moment it is in place."""
    matrix.unlink()
    with EmbeddingIndex.open(path) as index, EmbeddingIndex.open(path) as other:
        write = matrix_cache.write_matrix

        def write_and_be_overtaken(*arguments: Any, **options: Any) -> MappedMatrix:
            monkeypatch.undo()
            written = write(*arguments, **options)
            other.add(["more"], embeddings(1, seed=3))
            assert len(other.search(embeddings(1), k=100)[0]) == 41
            return written

        monkeypatch.setattr(matrix_cache, "write_matrix", write_and_be_overtaken)
        assert len(index.search(embeddings(1), k=100)[0]) == 40
        assert len(index.search(embeddings(1), k=100)[0]) == 41


def test_a_damaged_row_that_is_found_is_named(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("UPDATE rows SET metadata = '{\"n\": 1}' WHERE id = '7'")
    connection.commit()
    connection.close()
    query, other = embeddings(40)[[7, 8]]
    with EmbeddingIndex.open(path) as index:
        assert index.search(other, k=1)[0][0].id == "8"
        with pytest.raises(ValueError, match=r"The row '7' of the index .* is damaged"):
            index.search(query, k=1)


def test_the_matrix_of_another_index_is_not_believed(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.index"
    with EmbeddingIndex.open(other) as index:
        index.add([str(row) for row in range(40)], embeddings(40, seed=9))
    shutil.copy(path.with_name("birds.index-matrix"), other.with_name("other.index-matrix"))
    assert_answers_fit_the_rows(other)


def test_many_changes_are_worked_into_the_file(
    path: Path, matrix: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resident_matrix, "FEW_CHANGES", 3)
    with EmbeddingIndex.open(path) as index:
        index.delete([str(row) for row in range(10)])
        index.update(["20", "21"], embeddings(2, seed=7))
        index.search(embeddings(1))
    mapped = map_matrix(matrix)
    assert mapped is not None
    assert mapped.header.num == 30
    assert_answers_fit_the_rows(path)


def test_changes_of_others_are_patched_without_writing(path: Path, matrix: Path) -> None:
    with EmbeddingIndex.open(path) as reader, EmbeddingIndex.open(path) as writer:
        reader.search(embeddings(1))
        written = matrix.stat().st_mtime_ns
        writer.update(["5"], embeddings(1, seed=8))
        writer.delete(["6"])
        hits = reader.search(embeddings(1, seed=8), k=40)[0]
        assert (hits[0].id, hits[0].similarity) == ("5", pytest.approx(1))
        assert "6" not in [hit.id for hit in hits]
        assert matrix.stat().st_mtime_ns == written
    assert_answers_fit_the_rows(path)


def test_where_it_cannot_be_written_the_search_goes_on_in_memory(
    path: Path,
    matrix: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with EmbeddingIndex.open(path) as index:
        index.search(embeddings(1))
        index.add(["more"], embeddings(1, seed=3))
        monkeypatch.setattr(matrix_cache, "append_rows", full)
        for number in range(3):
            assert index.search(embeddings(1, seed=3), k=1)[0][0].id == "more"
            index.add([f"again {number}"], embeddings(1, seed=30 + number))
            index.delete([str(number)])
        assert len(index.search(embeddings(1), k=100)[0]) == len(index)
    assert caplog.text.count("searching without a matrix file") == 1
    monkeypatch.undo()
    assert_answers_fit_the_rows(path)


def test_a_process_that_holds_the_matrix_stops_nobody(
    path: Path, matrix: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(matrix_cache, "SECONDS_TO_WAIT", 0.05)
    with EmbeddingIndex.open(path) as index, locked_file(matrix, 1):
        index.add(["more"], embeddings(1, seed=3))
        assert index.search(embeddings(1, seed=3), k=1)[0][0].id == "more"
    assert "another process is writing" in caplog.text


def test_an_untouched_matrix_is_used_without_a_word(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert_answers_fit_the_rows(path)
    assert caplog.text == ""
