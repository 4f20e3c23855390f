"""What happens to disks, machines and encoders in the middle of a run costs no file its embeddings."""

import os
import threading
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from archives.embed import archive as archive_module
from archives.embed import embedding_queue, merge_archives, open_source
from archives.embed.archive import Archive
from archives.embed.embed_archive import embed_archive
from archives.embed.embed_sources import Decoding
from archives.embed.embedding_rows import Place
from archives.embed.file_rows import FileRow
from archives.embed.part_file import part_path
from archives.embed.run import Run
from archives.embed.settings import ArchiveSettings
from archives.embed.shards import ShardWriter
from archives.embed.sources import Source
from inference import Embedder
from media import save_waveform
from tests.archives.embed.conftest import RATE, tone

RUN = Run("wren-1", 2, ArchiveSettings())


@pytest.fixture
def embed(embedder: Embedder, tmp_path: Path):
    def run(*inputs, **options):
        return embed_archive(embedder, inputs, tmp_path / "out", decoding=Decoding(0), **options)

    return run


def write(writer: ShardWriter, name: str) -> None:
    share = writer.open_file(Source("recording", Path(name)))
    share.add(np.array([[1, 0]], np.float32), [Place("audio", 0.0, 5.0)])
    share.finish(FileRow(name, "recording", "ok", content="c"))


def test_what_fails_while_its_disk_falls_off_is_tried_again(embed, archive, monkeypatch):
    os.truncate(archive / "wren/1.wav", 44 + 2 * RATE * 3)
    with monkeypatch.context() as fallen:
        fallen.setattr(open_source, "look_at", lambda paths: (-1, 0))
        [row] = embed(archive).not_whole
    assert (row.status, row.is_settled) == ("partial", False)
    assert embed(archive).num_new == 1
    assert embed(archive).num_new == 0


@pytest.mark.parametrize("missing", ["photo.png", "song.wav"])
def test_of_a_pair_it_is_told_which_file_is_meant(embed, archive, missing):
    (archive / "wren/1.png").rename(archive / "photo.png")
    (archive / "wren/1.wav").rename(archive / "song.wav")
    (archive / missing).unlink()
    (archive / "pairs.csv").write_text("image,recording\nphoto.png,song.wav\n")
    [row] = embed(archive / "short.flac", pairs=archive / "pairs.csv").not_whole
    assert row.reason == f"'{archive / missing}': there is no such file."


@pytest.mark.parametrize("given", [0.0, np.nan, 0.5])
def test_what_the_encoder_makes_nothing_of_is_told_and_not_written(
    embed, archive, tmp_path, given, monkeypatch
):
    embedded = embedding_queue.EmbeddingQueue._embedded

    def spoilt(self, items):
        embeddings = embedded(self, items)
        return np.concatenate([embeddings[:1] * np.float32(given), embeddings[1:]])

    monkeypatch.setattr(embedding_queue.EmbeddingQueue, "_embedded", spoilt)
    [row] = embed(archive / "wren/1.wav").not_whole
    assert (row.status, row.num_embeddings) == ("partial", 1)
    assert row.reason == "the encoder gives no embedding for 1 of its windows or moments"
    [row] = embed(archive / "wren/1.png").not_whole
    assert (row.status, row.num_embeddings) == ("unreadable", 0)


def test_what_is_finished_does_not_wait_for_the_end_of_a_long_file(tmp_path):
    writer = ShardWriter(tmp_path, RUN, seconds_per_shard=0.05)
    writer.keep(FileRow("a.wav", "recording", "silent"), [])
    night = writer.open_file(Source("recording", Path("night.wav")))
    threading.Event().wait(0.06)
    night.add(np.array([[1, 0]], np.float32), [Place("audio", 0.0, 5.0)])
    assert [row.file for row in Archive(tmp_path).files] == ["a.wav"]


def test_what_another_machine_adds_meanwhile_is_in_the_table_of_files(tmp_path, monkeypatch):
    writer = ShardWriter(tmp_path, RUN)
    write(writer, "a.wav")
    writer.flush()
    archive, to_table = Archive(tmp_path), archive_module.files_to_table

    def slow(rows):
        if len(rows) == 1:
            write(writer, "b.wav")
            writer.flush()
        return to_table(rows)

    monkeypatch.setattr(archive_module, "files_to_table", slow)
    table = parquet.read_table(archive.write_files_table())
    assert table["file"].to_pylist() == ["a.wav", "b.wav"]


def test_several_may_write_the_table_of_files_at_once(tmp_path):
    write(writer := ShardWriter(tmp_path, RUN), "a.wav")
    writer.flush()
    failed: list[Exception] = []

    def write_often() -> None:
        try:
            for _ in range(20):
                Archive(tmp_path).write_files_table()
        except OSError as error:
            failed.append(error)

    threads = [threading.Thread(target=write_often) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert parquet.read_table(tmp_path / "files.parquet").num_rows == 1


def test_what_a_killed_merge_left_is_taken_away_by_the_next(tmp_path):
    write(writer := ShardWriter(tmp_path / "a", RUN), "a.wav")
    writer.flush()
    (tmp_path / "all/shards").mkdir(parents=True)
    mine = f".{os.getpid()}.part"
    part = part_path(tmp_path / "all/shards")
    part.with_name(part.name.replace(mine, ".4194305.part")).touch()
    merge_archives.merge_archives([tmp_path / "a"], tmp_path / "all")
    assert not list((tmp_path / "all/shards").glob(".*"))


def test_merging_files_of_one_name_and_different_content_is_told(tmp_path, caplog):
    for machine, content in (("a", "one"), ("b", "other"), ("c", "one")):
        writer = ShardWriter(tmp_path / machine, RUN)
        writer.keep(FileRow("DCIM/1.wav", "recording", "silent", content=content), [])
        writer.flush()
    merge_archives.merge_archives([tmp_path / "a", tmp_path / "c"], tmp_path / "same")
    assert caplog.text == ""
    merge_archives.merge_archives([tmp_path / "a", tmp_path / "b"], tmp_path / "all")
    assert "1 names stand for files of different content, such as 'DCIM/1.wav'" in caplog.text


def test_a_header_that_announces_no_number_ends_no_run(embed, archive, monkeypatch):
    from archives.embed.verdict import Seen

    monkeypatch.setattr(Seen, "expected_seconds", float("nan"))
    save_waveform(archive / "a.wav", tone(1.0), RATE)
    assert {row.expected_seconds for row in embed(archive).rows} == {None}
