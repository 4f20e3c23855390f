"""A shard is whole or not there, and of two rows of a file the later one counts."""

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from archives.embed import archive as archive_module
from archives.embed import shards as shards_module
from archives.embed.archive import Archive, holds_shards, merge_archives
from archives.embed.rows import FILES_SCHEMA, FileRow, Place, Skipped, rows_of
from archives.embed.settings import SCHEMA, ArchiveSettings, Run, run_from_json
from archives.embed.shards import RowsOfFile, ShardWriter, part_path, remove_abandoned_parts
from archives.embed.sources import Source
from tests.archives.embed.conftest import embeddings_in
from tests.fresh_process import num_kills

SIZE = 8
RUN = Run("wren-1", SIZE, ArchiveSettings(), {"numpy": "2.0"})


def unit(num: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((num, SIZE))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def rows(name: str, num: int, seed: int = 0) -> list:
    places = [Place("audio", 2.4 * row, 2.4 * row + 5, 38400 * row) for row in range(num)]
    return rows_of(Source("recording", Path(name)), unit(num, seed), places)


def write(writer: ShardWriter, name: str, num: int = 2, **options) -> FileRow:
    of_file = RowsOfFile(writer)
    of_file.add(rows(name, num, **options))
    return of_file.finish(FileRow(name, "recording", "ok", content="c" + name))


def write_shard(folder: Path, *names: str, run: Run = RUN, **options) -> Path:
    writer = ShardWriter(folder, run)
    for name in names:
        write(writer, name, **options)
    writer.flush()
    return Archive(folder).shards[-1]


def test_rows_come_back_with_their_times_and_names(tmp_path):
    write_shard(tmp_path, "card/wren.wav")
    [(ids, embeddings, told)] = Archive(tmp_path).batches()
    assert ids == ["card/wren.wav#t=0.00,5.00", "card/wren.wav#t=2.40,7.40"]
    np.testing.assert_array_equal(embeddings, unit(2))
    assert embeddings.fingerprint == "wren-1"
    assert told[1] == {
        "class": "card",
        "recording": "card/wren.wav",
        "modality": "audio",
        "start_seconds": 2.4,
        "end_seconds": 7.4,
    }


@pytest.mark.parametrize(
    "limits", [{"rows_per_shard": 4}, {"files_per_shard": 2}, {"seconds_per_shard": 0.05}]
)
def test_a_shard_is_written_when_it_is_full_or_old_and_waits_for_no_long_file(tmp_path, limits):
    assert not holds_shards(tmp_path)
    with pytest.raises(FileNotFoundError, match="No embeddings in"):
        Archive(tmp_path)
    writer = ShardWriter(tmp_path, RUN, **limits)
    writer.keep(FileRow("silent.wav", "recording", "silent", "no sound"), [])
    assert Archive(tmp_path).files == []
    if "seconds_per_shard" in limits:
        threading.Event().wait(0.06)
        RowsOfFile(writer).add(rows("night.wav", 1))
        assert [row.file for row in Archive(tmp_path).files] == ["silent.wav"]
    else:
        write(writer, "a.wav", 4)
        assert len(Archive(tmp_path).files) == 2


def test_a_long_file_gets_a_shard_of_its_own_and_little_of_it_is_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(shards_module, "ROWS_IN_MEMORY", 10)
    writer = ShardWriter(tmp_path, RUN)
    write(writer, "short.wav", 3)
    night, given_up = RowsOfFile(writer), RowsOfFile(writer)
    given_up.add(rows("given_up.wav", 20))
    for first in range(0, 40, 4):
        night.add(rows("night.wav", 40)[first : first + 4])
        assert len(night._rows) < 10
    assert Archive(tmp_path).files == []  # neither is committed yet
    night.finish(FileRow("night.wav", "recording", "ok"))
    given_up.discard()
    assert [row.file for row in Archive(tmp_path).files] == ["night.wav"]
    writer.flush()
    assert len(embeddings_in(tmp_path)) == 43
    assert not list((tmp_path / "shards").glob(".*"))


def test_of_two_rows_of_a_file_the_later_one_counts(tmp_path):
    write_shard(tmp_path, "wren.wav", num=5, seed=1)
    write_shard(tmp_path, "wren.wav", num=3, seed=2)
    assert Archive(tmp_path).num_embeddings == 3
    np.testing.assert_array_equal(list(embeddings_in(tmp_path).values()), unit(3, 2))


def test_a_row_of_a_file_comes_back_as_it_was(tmp_path):
    row = FileRow(
        "a.wav",
        "recording",
        "partial",
        "it ends at 3.00 s of 5.00 s",
        decoded_seconds=3.0,
        expected_seconds=5.0,
        sample_rate_hz=48000,
        num_channels=2,
        clipped_share=0.25,
        skipped=(Skipped(0.0, 2.4, "silent"),),
        notes=("low rate",),
        size_bytes=123,
        modified_ns=456,
        content="abc",
        settings=RUN.key,
    )
    writer = ShardWriter(tmp_path, RUN)
    kept = RowsOfFile(writer).finish(row)
    writer.flush()
    assert Archive(tmp_path).files == [kept]
    table = parquet.read_table(Archive(tmp_path).write_files_table())
    assert table.schema.equals(FILES_SCHEMA)
    assert FileRow.from_record(table.to_pylist()[0]) == kept


def test_a_shard_says_what_made_it(tmp_path):
    told = json.loads(
        parquet.read_schema(write_shard(tmp_path, "wren.wav")).metadata[b"fused_encoder"]
    )
    assert (told["fingerprint"], told["settings"]["hop_seconds"]) == ("wren-1", 2.5)
    assert run_from_json(json.dumps(told)) == RUN
    with pytest.raises(ValueError, match="update fused-encoder"):
        run_from_json(json.dumps({**told, "schema": SCHEMA + 1}))


@pytest.mark.parametrize("damage", ["truncated", "empty", "other"])
def test_a_damaged_shard_is_named_with_what_to_do(tmp_path, damage):
    shard = write_shard(tmp_path, "wren.wav")
    if damage == "other":
        parquet.write_table(pyarrow.table({"x": [1]}), shard)
    else:
        os.truncate(shard, 0 if damage == "empty" else shard.stat().st_size - 9)
    expected = r"1 shards of .* are damaged. Remove them and run `embed`"
    with pytest.raises(ValueError, match=expected):
        Archive(tmp_path)


def test_flipped_bytes_in_the_embeddings_are_noticed_when_they_are_read(tmp_path):
    shard = write_shard(tmp_path, "wren.wav", num=200)
    content = bytearray(shard.read_bytes())
    middle = 4000  # of the 200 x 8 numbers, which are most of the file
    content[middle : middle + 8] = bytes(byte ^ 0xFF for byte in content[middle : middle + 8])
    shard.write_bytes(content)
    with pytest.raises(ValueError, match=r"damaged"):
        embeddings_in(tmp_path)


def test_what_a_killed_run_left_is_removed_and_what_lives_is_not(tmp_path):
    write_shard(tmp_path, "a.wav")
    alive = part_path(tmp_path)
    dead = alive.with_name(alive.name.replace(f".{os.getpid()}.", ".4194305."))
    for path in (alive, dead):
        path.touch()
    remove_abandoned_parts(tmp_path)
    assert (alive.exists(), dead.exists()) == (True, False)


def test_a_failing_disk_leaves_what_was_finished_for_the_next_try(tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    writer = ShardWriter(tmp_path, RUN)
    write(writer, "wren.wav")
    with monkeypatch.context() as full:
        full.setattr(shards_module.PartFile, "commit", refuse)
        with pytest.raises(OSError, match="No space left"):
            writer.flush()
    assert list((tmp_path / "shards").iterdir()) == []
    writer.flush()
    assert len(embeddings_in(tmp_path)) == 2


def test_what_another_machine_adds_meanwhile_is_in_the_table_of_files(tmp_path, monkeypatch):
    write_shard(tmp_path, "a.wav")
    archive, to_table = Archive(tmp_path), archive_module.files_to_table

    def slow(files):
        if len(files) == 1:
            write_shard(tmp_path, "b.wav")
        return to_table(files)

    monkeypatch.setattr(archive_module, "files_to_table", slow)
    table = parquet.read_table(archive.write_files_table())
    assert table["file"].to_pylist() == ["a.wav", "b.wav"]


def test_merging_joins_what_machines_did(tmp_path):
    for machine in ("a", "b"):
        write_shard(tmp_path / machine, f"{machine}.wav")
    merged = merge_archives([tmp_path / "a", tmp_path / "b"], tmp_path / "all")
    assert [row.file for row in merged.files] == ["a.wav", "b.wav"]
    assert len(embeddings_in(tmp_path / "all")) == 4
    table = parquet.read_table(tmp_path / "all/files.parquet")
    assert table["file"].to_pylist() == ["a.wav", "b.wav"]
    again = merge_archives([tmp_path / "b", tmp_path / "a"], tmp_path / "all")
    assert len(again.shards) == 2


def test_embeddings_of_two_encoders_are_neither_merged_nor_read_as_one(tmp_path):
    for name in ("wren-1", "wren-2"):
        run = Run(name, SIZE, ArchiveSettings())
        write_shard(tmp_path / name, "a.wav", run=run)
        write_shard(tmp_path / "both", f"{name}.wav", run=run)
    with pytest.raises(ValueError, match="made by 2 encoders"):
        merge_archives([tmp_path / "wren-1", tmp_path / "wren-2"], tmp_path / "all")
    assert not (tmp_path / "all").exists()
    with pytest.raises(ValueError, match=r"embeddings of 2 encoders \(wren-1, wren-2\)"):
        list(Archive(tmp_path / "both").batches())


def test_merging_files_of_one_name_and_different_content_is_told(tmp_path, caplog):
    for machine, content in (("a", "one"), ("b", "other"), ("c", "one")):
        writer = ShardWriter(tmp_path / machine, RUN)
        writer.keep(FileRow("DCIM/1.wav", "recording", "silent", content=content), [])
        writer.flush()
    merge_archives([tmp_path / "a", tmp_path / "c"], tmp_path / "same")
    assert caplog.text == ""
    merge_archives([tmp_path / "a", tmp_path / "b"], tmp_path / "all")
    assert "1 names stand for files of different content, such as 'DCIM/1.wav'" in caplog.text


def test_every_setting_is_in_the_key():
    changed = [{"window_seconds": 4.0}, {"hop_seconds": 1.0}, {"frames_per_second": 2.0}]
    settings = [ArchiveSettings(**one) for one in (*changed, {"max_clipped_share": 0.2}, {})]
    keys = {Run("wren-1", SIZE, one).key for one in settings}
    assert len(keys | {Run("wren-2", SIZE, ArchiveSettings()).key}) == 6


@pytest.mark.parametrize(
    "wrong", [{"window_seconds": 0.0}, {"hop_seconds": float("nan")}, {"max_clipped_share": 1.5}]
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ArchiveSettings(**wrong)


def test_kills_lose_nothing_that_was_committed_and_tear_nothing(tmp_path):
    program, times = Path(__file__).with_name("killed_archivers.py"), num_kills(10)
    command = [sys.executable, str(program), str(tmp_path), str(times)]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert told[1:] == ["acknowledged"]
    assert int(told[0]) > times / 2
