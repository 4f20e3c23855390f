"""The index as a file: damage, crashes, other processes, a full disk."""

import errno
import os
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from inference import sqlite_file
from inference.index import EmbeddingIndex
from inference.index.sqlite_rows import INDEX_FILE
from inference.sqlite_file import SqliteFile, write_setting


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "birds.index"
    with EmbeddingIndex.open(path) as index:
        embeddings = np.random.default_rng(0).standard_normal((200, 64))
        embeddings /= np.linalg.norm(embeddings, axis=1, keepdims=True)
        index.add([f"row {row}" for row in range(200)], embeddings)
    return path


def test_a_closed_index_is_one_file_and_compact_gives_space_back(path):
    assert [entry.name for entry in path.parent.iterdir()] == ["birds.index"]
    with EmbeddingIndex.open(path) as index:
        index.delete([row.id for row in index])
        assert index.compact() > 0


def test_a_missing_index_is_not_made_up(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"There is no index .*create=True"):
        EmbeddingIndex.open(tmp_path / "none.index", create=False)
    with pytest.raises(FileNotFoundError, match=r"The folder .* does not exist"):
        EmbeddingIndex.open(tmp_path / "no folder" / "birds.index")
    with pytest.raises(ValueError, match="is a folder; the index is one file"):
        EmbeddingIndex.open(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_files_of_other_programs_are_left_as_they_were(tmp_path):
    photo, other = tmp_path / "wren.jpg", tmp_path / "other.db"
    photo.write_bytes(b"\xff\xd8\xff\xe0 not an index")
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE rows (id)")
    for path, message in ((photo, "is no index"), (other, "SQLite file, but no index")):
        before = path.read_bytes()
        with pytest.raises(ValueError, match=message):
            EmbeddingIndex.open(path)
        assert path.read_bytes() == before


def test_an_empty_file_becomes_an_index_only_on_request(tmp_path):
    path = tmp_path / "birds.index"
    path.touch()
    with pytest.raises(ValueError, match="is an empty file, no index"):
        EmbeddingIndex.open(path, create=False)
    with EmbeddingIndex.open(path) as index:
        assert len(index) == 0


def test_a_newer_schema_is_refused(path):
    file = SqliteFile(path, INDEX_FILE, create=False)
    with file.writing() as connection:
        write_setting(connection, "schema_version", 99)
    file.close()
    with pytest.raises(ValueError, match=r"has schema 99; this version .* reads schema 2. Install"):
        EmbeddingIndex.open(path)


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_read_only_finds_everything_and_writes_nothing(path):
    with EmbeddingIndex.open(path, read_only=True) as index:
        query = index.get(["row 7"])[0].embedding
        assert index.search(query, k=1)[0][0].id == "row 7"
        assert index.check() == []
        calls = [(index.add, "new"), (index.update, "row 7")]
        calls = [partial(call, [name], np.eye(64)[:1]) for call, name in calls]
        calls += [partial(index.delete, ["row 7"]), index.compact, index.build_approximate]
        for call in calls:
            with pytest.raises(PermissionError, match=r"open for reading only.*copy it"):
                call()
    assert names_in(path.parent) == ["birds.index"]


def test_read_only_follows_a_writer(path):
    with EmbeddingIndex.open(path) as writer, EmbeddingIndex.open(path, read_only=True) as reader:
        reader.search(np.eye(64)[0])
        writer.add(["new"], np.eye(64)[:1])
        writer.delete(["row 7"])
        assert reader.search(np.eye(64)[0], k=1)[0][0].id == "new"
        assert "row 7" not in reader
        assert len(reader.search(np.eye(64)[0], k=500)[0]) == 200
        writer.search(np.eye(64)[0])
    assert names_in(path.parent) == ["birds.index", "birds.index-matrix.npy"]


@pytest.fixture
def write_protected(path, monkeypatch):
    """As on a read-only disk, where the system says so (also to root, whom rights do not stop)."""

    def access(path: Path, mode: int) -> bool:
        return mode != os.W_OK

    monkeypatch.setattr(sqlite_file.os, "access", access)


@pytest.mark.usefixtures("write_protected")
def test_an_index_on_a_read_only_disk_can_be_searched(path):
    before = path.stat()
    with EmbeddingIndex.open(path) as index:
        query = index.get(["row 7"])[0].embedding
        assert index.search(query, k=1)[0][0].id == "row 7"
        assert names_in(path.parent) == ["birds.index"]
        with pytest.raises(PermissionError, match="open for reading only"):
            index.delete(["row 7"])
    after = path.stat()
    assert (after.st_mtime_ns, after.st_size) == (before.st_mtime_ns, before.st_size)


@pytest.mark.skipif(os.geteuid() == 0, reason="rights do not stop root")
def test_rights_that_are_missing_make_it_read_only(path):
    path.parent.chmod(0o555)
    try:
        with EmbeddingIndex.open(path) as index:
            assert len(index.search(np.eye(64)[0], k=500)[0]) == 200
        with pytest.raises(PermissionError, match=r"The index cannot be opened\. Check the rights"):
            EmbeddingIndex.open(path.with_name("new.index"))
    finally:
        path.parent.chmod(0o755)


def test_a_link_leads_to_the_files_beside_the_index(path, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link.index"
    link.symlink_to(path)
    with EmbeddingIndex.open(link) as index:
        assert len(index.search(np.eye(64)[0], k=500)[0]) == 200
    assert names_in(link.parent) == ["link.index"]
    assert names_in(path.parent) == ["birds.index", "birds.index-matrix.npy", "elsewhere"]


def test_a_large_file_is_opened_without_reading_it(path, monkeypatch):
    """The damage is found when the row is read, and by `check`."""
    monkeypatch.setattr(sqlite_file, "CHECKED_WHOLE_BYTES", 0)
    content = path.read_bytes()
    place = content.index(b"row 7", len(content) // 5)
    path.write_bytes(content[:place] + b"raw 7" + content[place + 5 :])
    with EmbeddingIndex.open(path) as index:
        assert any("is not what was written" in fault for fault in index.check())
        with pytest.raises(ValueError, match=r"is damaged"):
            list(index)


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("checked_whole_bytes", [0, 2**26])
def test_a_truncated_file_is_noticed_at_open(path, kept, checked_whole_bytes, monkeypatch):
    monkeypatch.setattr(sqlite_file, "CHECKED_WHOLE_BYTES", checked_whole_bytes)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(ValueError, match=r"is damaged: .*Restore it from a copy"):
        EmbeddingIndex.open(path)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("checked_whole_bytes", [0, 2**26])
def test_overwritten_bytes_never_give_wrong_answers(path, seed, checked_whole_bytes, monkeypatch):
    monkeypatch.setattr(sqlite_file, "CHECKED_WHOLE_BYTES", checked_whole_bytes)
    with EmbeddingIndex.open(path) as index:
        query = index.get(["row 7"])[0].embedding
        expected = index.search(query, k=200)
    content = bytearray(path.read_bytes())
    generator = np.random.default_rng(seed)
    start = int(generator.integers(100, len(content) - 40))
    content[start : start + 40] = generator.bytes(40)
    path.write_bytes(content)
    try:
        with EmbeddingIndex.open(path) as index:
            found = index.search(query, k=200)
    except ValueError as error:
        found = str(error)
    assert found == expected or "is damaged" in found


def test_two_writers_take_turns(tmp_path):
    path = tmp_path / "birds.index"
    program = (
        "import sys; from inference.index import EmbeddingIndex\n"
        "with EmbeddingIndex.open(sys.argv[1]) as index:\n"
        "    for row in range(60): index.add([f'{sys.argv[2]}-{row}'], [[0.6, 0.8]])"
    )
    writers = [subprocess.Popen([sys.executable, "-c", program, path, name]) for name in "ab"]
    assert [writer.wait() for writer in writers] == [0, 0]
    with EmbeddingIndex.open(path, create=False) as index:
        assert len(index) == 120


def test_threads_share_one_index(path):
    with EmbeddingIndex.open(path) as index:
        query, failures = index.get(["row 3"])[0].embedding, []

        def work(name: str) -> None:
            for row in range(20):
                index.add([f"{name} {row}"], np.eye(64)[row : row + 1])
                if index.search(query, k=1)[0][0].id != "row 3":
                    failures.append((name, row))

        threads = [threading.Thread(target=work, args=(f"thread {n}",)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (failures, len(index)) == ([], 280)


def test_a_writer_that_waits_too_long_is_told(path, monkeypatch):
    monkeypatch.setattr(sqlite_file, "SECONDS_TO_WAIT", 0.1)
    told = "Another process writes to the index, nothing of this call"
    with closing(SqliteFile(path, INDEX_FILE, create=False)) as holder:
        expected = pytest.raises(TimeoutError, match=told)
        with EmbeddingIndex.open(path) as index, holder.writing(), expected:
            index.delete(["row 7"])


def test_a_full_disk_loses_nothing(path):
    with EmbeddingIndex.open(path) as index:
        file = index._store._file  # type: ignore[attr-defined]
        with file.reading() as connection:
            (num_pages,) = connection.execute("PRAGMA page_count").fetchone()
            connection.execute(f"PRAGMA max_page_count = {num_pages + 1}")
        more = [f"more {row}" for row in range(5000)]
        with pytest.raises(OSError, match=r"The disk is full, nothing of this call was") as caught:
            index.add(more, np.repeat(np.eye(64)[:1], 5000, axis=0))
        assert (caught.value.errno, len(index)) == (errno.ENOSPC, 200)
    with EmbeddingIndex.open(path) as index:
        assert len(index.search(np.eye(64)[:1], k=500)[0]) == 200
