"""Whatever its name, and whether it can be read or not: each file that was asked for has its one row."""

import os
from pathlib import Path

import pytest
from pyarrow import parquet

from archives.embed.archive import Archive
from archives.embed.embed_archive import NotWholeError, embed_archive
from archives.embed.embed_sources import Decoding
from inference import Embedder
from media import save_image, save_waveform
from tests.archives.embed.conftest import RATE, photo, tone


@pytest.fixture
def embed(embedder: Embedder, tmp_path: Path):
    def run(*inputs, out="out", **options):
        return embed_archive(embedder, inputs, tmp_path / out, decoding=Decoding(0), **options)

    return run


def files_in(folder: Path) -> dict[str, str]:
    table = parquet.read_table(folder / "files.parquet").to_pylist()
    return {row["file"]: row["status"] for row in table}


def write_under(path: bytes, seconds: float = 2.0, rate: int = 4000) -> None:
    """A recording whose name is not UTF-8, of a rate of which a note says that it is low."""
    save_waveform(Path(os.fsdecode(path)), tone(seconds, 500.0, rate), rate)


def test_a_note_on_a_file_whose_name_is_not_utf_8_ends_no_run(embed, tmp_path):
    write_under(os.fsencode(tmp_path) + b"/low\xff.wav")
    summary = embed(tmp_path)
    [note] = summary.rows[0].notes
    assert r"'low\xff.wav' has 4000 samples per second" in note
    assert files_in(tmp_path / "out") == {rf"{tmp_path}/low\xff.wav": "ok"}


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
    typed = (archive, archive / "notes.txt", archive / "gone")
    assert len(embed(*typed).rows) == 8
    told = files_in(tmp_path / "out")
    assert len(told) == 8
    assert told[str(archive / "gone")] == told[str(archive / "notes.txt")] == "unreadable"
    embed(*typed)
    assert len(Archive(tmp_path / "out").shards) == 1


def test_strict_stops_at_what_cannot_be_embedded_by_its_name(embed, archive):
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
