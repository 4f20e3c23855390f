"""Our SQLite files: a restored copy is not undone by what was left beside it."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from inference.sqlite_file import FileKind, SqliteFile

KIND = FileKind("index", 5, 2, ("CREATE TABLE birds (name)",), "open", "recover {path}")


def add(file: SqliteFile, name: str) -> None:
    with file.writing() as connection:
        connection.execute("INSERT INTO birds VALUES (?)", (name,))


def names(path: Path) -> list[str]:
    with closing(SqliteFile(path, KIND, create=False)) as file, file.reading() as connection:
        return [name for (name,) in connection.execute("SELECT name FROM birds ORDER BY rowid")]


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "birds.index"
    with closing(SqliteFile(path, KIND, create=True)) as file:
        add(file, "wren")
    return path


def as_killed(path: Path, folder: str, do: Callable[[SqliteFile], None]) -> Path:
    """The file and its log as they stand when a process that has done this is killed."""
    killed = path.parent / folder
    killed.mkdir()
    with closing(SqliteFile(path, KIND, create=False)) as file:
        do(file)
        for ending in ("", "-wal"):
            shutil.copy(f"{path}{ending}", killed)
    return killed / path.name


def vacuum_into(path: Path, target: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("VACUUM INTO ?", (str(target),))


def back_up(path: Path, target: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, closing(sqlite3.connect(target)) as copy:
        connection.backup(copy)


@pytest.mark.parametrize("make_copy", [shutil.copy, vacuum_into, back_up])
def test_a_copy_restored_beside_the_log_of_later_writes_is_not_undone(path, make_copy):
    copy = path.with_name("copy")
    make_copy(path, copy)
    killed = as_killed(path, "killed", lambda file: add(file, "robin"))
    shutil.copy(copy, killed)
    with pytest.raises(ValueError, match=r"index-wal does not belong to .* delete the two files"):
        SqliteFile(killed, KIND, create=False)
    killed.with_name("birds.index-wal").unlink()
    assert names(killed) == ["wren"]


def test_a_copy_of_an_open_file_restored_beside_its_log_is_noticed(path):
    copy = path.with_name("copy")

    def write_and_copy(file: SqliteFile) -> None:
        add(file, "robin")
        vacuum_into(path, copy)
        add(file, "tit")

    killed = as_killed(path, "killed", write_and_copy)
    shutil.copy(copy, killed)
    with pytest.raises(ValueError, match="does not belong"):
        SqliteFile(killed, KIND, create=False)
    assert names(copy) == ["wren", "robin"]


def checkpoint(file: SqliteFile) -> None:
    with closing(sqlite3.connect(file.path)) as other:
        other.execute("PRAGMA wal_checkpoint")


def test_the_log_of_a_killed_process_is_used(path):
    steps = ["robin", checkpoint, "tit", SqliteFile.shrink, "jay", "rook", checkpoint]
    for num in range(1, len(steps) + 1):

        def do(file: SqliteFile, num: int = num) -> None:
            for step in steps[:num]:
                add(file, step) if isinstance(step, str) else step(file)

        source = Path(shutil.copy(path, path.with_name(f"source {num}")))
        killed = as_killed(source, f"killed {num}", do)
        assert names(killed) == ["wren", *(step for step in steps[:num] if isinstance(step, str))]
