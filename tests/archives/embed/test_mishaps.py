"""Whatever happens to disks, headers and encoders, and whatever its name: each file has its one row."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from archives.embed import embed_sources, open_source
from archives.embed.archive import Archive
from archives.embed.embed_archive import NotWholeError, embed_archive
from archives.embed.embed_sources import Decoding
from archives.embed.sources import Source
from media import save_image, save_waveform
from tests.archives.embed.conftest import RATE, photo, tone


@pytest.fixture
def embed(embedder, tmp_path):
    def run(*inputs, out="out", **options):
        return embed_archive(embedder, inputs, tmp_path / out, decoding=Decoding(0), **options)

    return run


def test_what_fails_while_its_disk_falls_off_is_tried_again(embed, archive, monkeypatch):
    os.truncate(archive / "wren/1.wav", 44 + 2 * RATE * 3)
    read = Source.read_identity
    with monkeypatch.context() as fallen:
        fallen.setattr(Source, "read_identity", lambda self: replace(read(self), modified_ns=1))
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
def test_what_the_encoder_makes_nothing_of_is_told(embed, archive, tmp_path, given, monkeypatch):
    embedded = embed_sources.EmbeddingQueue.compute

    def spoilt(self, items):
        embeddings = embedded(self, items)
        return np.concatenate([embeddings[:1] * np.float32(given), embeddings[1:]])

    monkeypatch.setattr(embed_sources.EmbeddingQueue, "compute", spoilt)
    [row] = embed(archive / "wren/1.wav").not_whole
    assert (row.status, row.num_embeddings) == ("partial", 1)
    assert row.reason == "the network gives nothing usable for 1 of its windows or moments"
    [row] = embed(archive / "wren/1.png").not_whole
    assert (row.status, row.num_embeddings) == ("unreadable", 0)


def test_a_header_that_announces_no_number_ends_no_run(embed, archive, monkeypatch):
    finite = open_source._if_finite
    monkeypatch.setattr(open_source, "_if_finite", lambda seconds: finite(float("nan")))
    assert {row.expected_seconds for row in embed(archive).rows} == {None}


def write_under(path: bytes, seconds: float = 2.0, rate: int = 4000) -> None:
    """A recording whose name is not UTF-8, of a rate of which a note says that it is low."""
    save_waveform(Path(os.fsdecode(path)), tone(seconds, 500.0, rate), rate)


def test_a_note_on_a_file_whose_name_is_not_utf_8_ends_no_run(embed, tmp_path):
    write_under(os.fsencode(tmp_path) + b"/low\xff.wav")
    summary = embed(tmp_path)
    [note] = summary.rows[0].notes
    assert r"'low\xff.wav' has 4000 samples per second" in note
    table = parquet.read_table(tmp_path / "out/files.parquet")
    assert table["file"].to_pylist() == [rf"{tmp_path}/low\xff.wav"]


def test_of_two_files_with_one_name_in_the_tables_the_second_is_told(embed, tmp_path):
    write_under(os.fsencode(tmp_path) + b"/low\xff.wav")
    write_under(os.fsencode(tmp_path) + rb"/low\xff.wav", seconds=3.0)
    [row] = embed(tmp_path).not_whole
    assert row.file == rf"{tmp_path}/low\xff.wav (recording)"
    assert "has the same name" in row.reason


def test_a_recording_named_as_a_pair_does_not_hide_the_pair(embed, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_image("a.png", photo())
    for name in ("b.wav", "a.png+b.wav"):
        save_waveform(name, tone(2.0), RATE)
    Path("pairs.csv").write_text("image,recording\na.png,b.wav\n")
    summary = embed("a.png+b.wav", pairs="pairs.csv")
    assert [row.file for row in summary.not_whole] == ["a.png+b.wav (pair)"]


def test_what_cannot_be_embedded_by_its_name_has_its_row_too(embed, archive, tmp_path):
    (archive / "notes.txt").write_text("rain")
    odd = {
        str(archive / "notes.txt"): "neither a photo nor a recording nor a video, by its name",
        str(archive / "gone"): "there is no such file or folder",
    }
    typed = (archive, *odd)
    assert {row.file: row.reason for row in embed(*typed).not_whole} == odd
    told = {row.file: row.status for row in Archive(tmp_path / "out").files}
    assert len(told) == 8
    assert {told[name] for name in odd} == {"unreadable"}
    embed(*typed)
    assert len(Archive(tmp_path / "out").shards) == 1
    [row] = embed(archive / "gone.wav").not_whole
    assert row.reason == "there is no such file."
    with pytest.raises(NotWholeError, match="gone' is unreadable: there is no such file or folder"):
        embed(archive, archive / "gone", strict=True)


def test_a_file_that_is_not_there_today_keeps_what_was_embedded_of_it(embed, archive, tmp_path):
    embed(archive / "short.flac", archive / "wren/1.png")
    (archive / "short.flac").rename(tmp_path / "elsewhere")
    summary = embed(archive / "short.flac", archive / "wren/1.png")
    assert [row.status for row in summary.not_whole] == ["unreadable"]
    assert Archive(tmp_path / "out").num_embeddings == 2
    (tmp_path / "elsewhere").rename(archive / "short.flac")
    assert embed(archive / "short.flac").num_new == 0


def test_what_takes_the_place_of_another_file_of_its_name_is_told(embed, archive, tmp_path):
    embed(archive)
    os.utime(archive / "short.flac", (1, 1))
    save_waveform(archive / "wren/1.wav", tone(7.0, 999.0), RATE)
    assert embed(archive).replaced == [f"{archive}/wren/1.wav"]
    assert embed(archive).replaced == []
