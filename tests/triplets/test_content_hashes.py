"""Remembered hashes: never another than reading the file would give, and rarely reading it."""

import hashlib
import json
import os
from pathlib import Path

import pytest

from triplets import store
from triplets.store import ContentHashes


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "memory"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "media" / "a.wav"
    path.parent.mkdir()
    path.write_bytes(b"some sound")
    return path


@pytest.fixture
def _settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files just written count as old enough."""
    monkeypatch.setattr(store, "SETTLED_SECONDS", -1)


def hash_of(path: Path, memory: Path) -> str:
    with ContentHashes(memory) as contents:
        return contents.of(path)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def num_reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    reads = []
    digest = hashlib.file_digest

    def counting(file, name):
        reads.append(Path(file.name))
        return digest(file, name)

    monkeypatch.setattr(hashlib, "file_digest", counting)
    return reads


@pytest.mark.usefixtures("_settled")
def test_a_file_is_read_once(file, memory, num_reads):
    assert [hash_of(file, memory) for _ in range(3)] == [sha256(b"some sound")] * 3
    assert num_reads == [file]


def test_a_file_that_was_just_written_is_read_again(file, memory, num_reads):
    hash_of(file, memory)
    hash_of(file, memory)
    assert num_reads == [file, file]
    assert not memory.exists()


@pytest.mark.usefixtures("_settled")
@pytest.mark.parametrize("is_moved", [False, True])
def test_a_change_that_keeps_size_and_date_is_noticed(file, memory, is_moved):
    hash_of(file, memory)
    status = file.stat()
    other = file.with_name("b.wav") if is_moved else file
    other.write_bytes(b"loud noise")
    other.replace(file)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert hash_of(file, memory) == sha256(b"loud noise")


@pytest.mark.usefixtures("_settled")
def test_what_is_remembered_of_files_that_are_gone_is_dropped(file, memory):
    other = file.with_name("b.wav")
    other.write_bytes(b"short-lived")
    hash_of(other, memory)
    other.unlink()
    hash_of(file, memory)
    (place,) = memory.iterdir()
    assert list(json.loads(place.read_bytes())["files"]) == ["a.wav"]


@pytest.mark.usefixtures("_settled")
def test_two_runs_at_once_remember_what_both_learnt(file, memory, num_reads):
    other = file.with_name("b.wav")
    other.write_bytes(b"another sound")
    first, second = ContentHashes(memory), ContentHashes(memory)
    first.of(file)
    second.of(other)
    first.save()
    second.save()
    hashes = [hash_of(path, memory) for path in (file, other)]
    assert hashes == [sha256(b"some sound"), sha256(b"another sound")]
    assert num_reads == [file, other]


DAMAGES = [b"", b"{", b"[]", b"7", b'{"schema": 1}', b"\xff\xfe", b'{"schema": 99, "folder": "x"}']


@pytest.mark.usefixtures("_settled")
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_memory_costs_only_reading_again(file, memory, damage):
    hash_of(file, memory)
    (place,) = memory.iterdir()
    place.write_bytes(damage)
    assert hash_of(file, memory) == sha256(b"some sound")
    assert json.loads(place.read_bytes())["files"]["a.wav"][-1] == sha256(b"some sound")


@pytest.mark.usefixtures("_settled")
@pytest.mark.parametrize("entry", [7, [], [1, 2], None, [10, 0, 0, 0, 5], "abcde"])
def test_a_damaged_entry_costs_only_reading_again(file, memory, entry):
    hash_of(file, memory)
    (place,) = memory.iterdir()
    document = json.loads(place.read_bytes())
    place.write_text(json.dumps({**document, "files": {"a.wav": entry}}))
    assert hash_of(file, memory) == sha256(b"some sound")


@pytest.mark.usefixtures("_settled")
def test_where_nothing_can_be_written_nothing_is_remembered(file, tmp_path):
    (tmp_path / "no folder").write_text("a file")
    assert hash_of(file, tmp_path / "no folder") == sha256(b"some sound")


@pytest.mark.usefixtures("_settled")
def test_names_of_any_bytes_are_remembered(file, memory, num_reads):
    odd = Path(os.fsdecode(os.fsencode(file.parent) + b"/\xff \xe2\x82\xac \"'{}.wav"))
    odd.write_bytes(b"odd")
    assert [hash_of(odd, memory) for _ in range(2)] == [sha256(b"odd")] * 2
    assert len(num_reads) == 1
