"""What is done is told by size and time, or else by the bytes; nothing else is read."""

import os
from pathlib import Path

import pytest

from archives.embed import plan as plan_module
from archives.embed.archive import Archive
from archives.embed.content import identity_of
from archives.embed.file_rows import FileRow
from archives.embed.plan import Plan
from archives.embed.run import Run
from archives.embed.settings import ArchiveSettings
from archives.embed.shards import ShardWriter
from archives.embed.sources import Source

RUN = Run("wren-1", 4, ArchiveSettings())


@pytest.fixture
def done(tmp_path: Path):
    """Files that were done, with some status, under some key."""

    def make(path: Path, status: str = "ok", key: str = RUN.key) -> Source:
        source = Source("recording", path)
        known = identity_of([path])
        row = FileRow(
            source.name,
            source.kind,
            status,
            size_bytes=known.size_bytes,
            modified_ns=known.modified_ns,
            content=known.content,
            settings=key,
        )
        writer = ShardWriter(tmp_path / "out", RUN)
        writer.open_file(source).finish(row)
        writer.flush()
        return source

    return make


def action(tmp_path: Path, source: Source) -> str:
    [step] = Plan(Archive(tmp_path / "out"), RUN.key).steps([source])
    return step.action


@pytest.fixture
def wren(tmp_path: Path) -> Path:
    path = tmp_path / "wren.wav"
    path.write_bytes(b"a song")
    return path


@pytest.mark.parametrize("status", ["ok", "partial", "silent", "too_short", "unreadable"])
def test_what_is_settled_is_skipped_without_being_read(tmp_path, wren, done, status, monkeypatch):
    source = done(wren, status)
    monkeypatch.setattr(plan_module, "identity_of", pytest.fail)
    assert action(tmp_path, source) == "skip"


def test_what_crashed_is_tried_again(tmp_path, wren, done):
    assert action(tmp_path, done(wren, "crashed")) == "embed"


def test_what_was_done_with_other_settings_is_not_done(tmp_path, wren, done):
    assert action(tmp_path, done(wren, key="0" * 16)) == "embed"


def test_a_touched_file_is_read_and_skipped(tmp_path, wren, done):
    source = done(wren)
    os.utime(wren, (1, 1))
    assert action(tmp_path, source) == "skip"


def test_a_file_that_changed_is_embedded_whatever_its_size(tmp_path, wren, done):
    source = done(wren)
    wren.write_bytes(b"b song")
    os.utime(wren, (1, 1))
    assert action(tmp_path, source) == "embed"


def test_the_same_bytes_under_another_name_are_copied(tmp_path, wren, done):
    done(wren)
    other = tmp_path / "other.wav"
    other.write_bytes(wren.read_bytes())
    assert action(tmp_path, Source("recording", other)) == "copy"


def test_the_same_bytes_taken_for_another_kind_are_not(tmp_path, wren, done):
    done(wren)
    other = tmp_path / "other.mp4"
    other.write_bytes(wren.read_bytes())
    assert action(tmp_path, Source("video", other)) == "embed"


def test_a_file_of_another_size_is_not_read(tmp_path, wren, done, monkeypatch):
    done(wren)
    other = tmp_path / "other.wav"
    other.write_bytes(b"a longer song")
    monkeypatch.setattr(plan_module, "identity_of", pytest.fail)
    assert action(tmp_path, Source("recording", other)) == "embed"


def test_a_file_that_is_gone_is_left_to_its_decoder(tmp_path, wren, done):
    source = done(wren)
    wren.unlink()
    assert action(tmp_path, source) == "embed"


def test_without_an_archive_all_is_to_be_done(wren):
    [step] = Plan(None, RUN.key).steps([Source("recording", wren)])
    assert step.action == "embed"
