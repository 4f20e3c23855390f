"""What is done is told by size and time, or else by the bytes; nothing else is read."""

import os

import pytest

from archives.embed.archive import Archive
from archives.embed.embed_archive import Copy, Plan
from archives.embed.rows import FileRow
from archives.embed.settings import ArchiveSettings, Run
from archives.embed.shards import ShardWriter
from archives.embed.sources import Source

RUN = Run("wren-1", 4, ArchiveSettings())


@pytest.fixture
def wren(tmp_path):
    (tmp_path / "wren.wav").write_bytes(b"a song")
    return Source("recording", tmp_path / "wren.wav")


@pytest.fixture
def step(tmp_path, wren):
    """What is to be done with a source once the wren was done, with some status and under some key."""

    def plan(source: Source = wren, status: str = "ok", key: str = RUN.key):
        if not (tmp_path / "out").exists():
            known = vars(wren.read_identity())
            writer = ShardWriter(tmp_path / "out", RUN)
            writer.keep(FileRow(wren.name, wren.kind, status, settings=key, **known), [])
            writer.flush()
        return Plan(Archive(tmp_path / "out"), RUN.key).step(source)

    return plan


@pytest.mark.parametrize("status", ["ok", "partial", "silent", "too_short", "unreadable"])
def test_what_is_settled_is_skipped_without_being_read(step, status, monkeypatch):
    step(status=status)
    monkeypatch.setattr(Source, "read_identity", pytest.fail)
    assert isinstance(step(), FileRow)


@pytest.mark.parametrize("done", [{"status": "crashed"}, {"key": "0" * 16}])
def test_what_crashed_or_was_done_with_other_settings_is_embedded(step, wren, done):
    assert step(**done) == (wren, None)


def test_only_changed_bytes_are_embedded_again_and_missing_files_tried(step, wren):
    step()
    os.utime(wren.path, (1, 1))
    assert isinstance(step(), FileRow)
    wren.path.write_bytes(b"b song")  # of the same size
    os.utime(wren.path, (1, 1))
    assert step() == (wren, wren.read_identity())
    wren.path.unlink()
    assert step() == (wren, None)


def test_the_same_bytes_under_another_name_are_copied_if_they_are_of_one_kind(step, wren, tmp_path):
    for kind, name, expected in (("recording", "b.wav", Copy), ("video", "b.mp4", tuple)):
        (tmp_path / name).write_bytes(wren.path.read_bytes())
        assert isinstance(step(Source(kind, tmp_path / name)), expected)


def test_a_file_of_another_size_is_not_read(step, tmp_path, monkeypatch):
    (tmp_path / "other.wav").write_bytes(b"a longer song")
    step()
    monkeypatch.setattr(Source, "read_identity", pytest.fail)
    assert step(Source("recording", tmp_path / "other.wav"))[1] is None
