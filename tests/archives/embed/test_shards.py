"""A shard is whole or not there, and of two accounts of a file the later one counts."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from archives.embed import shards as shards_module
from archives.embed.archive import Archive, holds_shards
from archives.embed.embedding_rows import Place
from archives.embed.file_rows import FILES_SCHEMA, FileRow, Skipped
from archives.embed.merge_archives import merge_archives
from archives.embed.part_file import remove_abandoned_parts
from archives.embed.run import SCHEMA, Run, run_from_json
from archives.embed.settings import ArchiveSettings
from archives.embed.shards import ShardWriter
from archives.embed.sources import Source

SIZE = 8
RUN = Run("wren-1", SIZE, ArchiveSettings(), {"numpy": "2.0"})


def unit(num: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((num, SIZE))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def recording(name: str) -> Source:
    return Source("recording", Path(name))


def places(num: int) -> list[Place]:
    return [Place("audio", 2.4 * row, 2.4 * row + 5, 38400 * row) for row in range(num)]


def write(
    writer: ShardWriter, name: str, num: int, *, seed: int = 0, status: str = "ok"
) -> FileRow:
    share = writer.open_file(recording(name))
    share.add(unit(num, seed), places(num))
    return share.finish(FileRow(name, "recording", status, content="c" + name))


def rows_in(folder: Path) -> dict[str, np.ndarray]:
    found = {}
    for ids, embeddings, _ in Archive(folder).batches():
        found.update(zip(ids, np.asarray(embeddings), strict=True))
    return found


def test_rows_come_back_with_their_times_and_names(tmp_path):
    writer = ShardWriter(tmp_path, RUN)
    write(writer, "card/wren.wav", 2)
    writer.flush()
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


def test_nothing_is_seen_before_a_shard_is_whole(tmp_path):
    writer = ShardWriter(tmp_path, RUN)
    write(writer, "wren.wav", 2)
    assert Archive(tmp_path).files == []
    writer.flush()
    assert [row.file for row in Archive(tmp_path).files] == ["wren.wav"]


def test_a_shard_is_written_when_it_is_full(tmp_path):
    writer = ShardWriter(tmp_path, RUN, rows_per_shard=5, files_per_shard=100)
    for number in range(6):
        write(writer, f"{number}.wav", 2)
    assert len(Archive(tmp_path).shards) == 2
    assert len(Archive(tmp_path).files) == 6


def test_files_without_any_embedding_fill_shards_too(tmp_path):
    writer = ShardWriter(tmp_path, RUN, files_per_shard=2)
    for name in ("a.wav", "b.wav"):
        writer.open_file(recording(name)).finish(FileRow(name, "recording", "silent", "no sound"))
    assert [row.status for row in Archive(tmp_path).files] == ["silent", "silent"]
    assert list(Archive(tmp_path).batches()) == []


def test_an_old_shard_is_written_however_small(tmp_path):
    writer = ShardWriter(tmp_path, RUN, seconds_per_shard=0.0)
    write(writer, "wren.wav", 1)
    assert len(Archive(tmp_path).files) == 1


def test_a_long_file_gets_a_shard_of_its_own_and_little_of_it_is_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr(shards_module, "ROWS_IN_MEMORY", 10)
    writer = ShardWriter(tmp_path, RUN)
    write(writer, "short.wav", 3)
    share = writer.open_file(recording("night.wav"))
    for first in range(0, 40, 4):
        share.add(unit(4, first), places(40)[first : first + 4])
        assert sum(map(len, share._parts)) < 10 + 4
    assert Archive(tmp_path).files == []  # neither is committed yet
    share.finish(FileRow("night.wav", "recording", "ok"))
    assert [row.file for row in Archive(tmp_path).files] == ["night.wav"]
    writer.flush()
    assert len(rows_in(tmp_path)) == 43


def test_a_long_file_that_is_given_up_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(shards_module, "ROWS_IN_MEMORY", 10)
    writer = ShardWriter(tmp_path, RUN)
    share = writer.open_file(recording("night.wav"))
    share.add(unit(20), places(20))
    share.discard()
    assert list((tmp_path / "shards").iterdir()) == []


def test_of_two_accounts_of_a_file_the_later_one_counts(tmp_path):
    for seed, num in ((1, 5), (2, 3)):
        writer = ShardWriter(tmp_path, RUN)
        write(writer, "wren.wav", num, seed=seed)
        writer.flush()
    archive = Archive(tmp_path)
    assert archive.num_embeddings == 3
    np.testing.assert_array_equal(list(rows_in(tmp_path).values()), unit(3, 2))


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
    kept = writer.open_file(recording("a.wav")).finish(row)
    writer.flush()
    assert Archive(tmp_path).files == [kept]
    table = parquet.read_table(Archive(tmp_path).write_files_table())
    assert table.schema.equals(FILES_SCHEMA)
    assert FileRow.from_record(table.to_pylist()[0]) == kept


def test_a_shard_says_what_made_it(tmp_path):
    writer = ShardWriter(tmp_path, RUN)
    write(writer, "wren.wav", 1)
    writer.flush()
    [shard] = Archive(tmp_path).shards
    told = json.loads(parquet.read_schema(shard).metadata[b"fused_encoder"])
    assert told["fingerprint"] == "wren-1"
    assert told["settings"]["hop_seconds"] == 2.5
    assert told["versions"] == {"numpy": "2.0"}
    assert run_from_json(json.dumps(told)) == RUN


def test_a_shard_of_a_newer_version_is_refused():
    told = json.loads(RUN.to_json())
    told["schema"] = SCHEMA + 1
    with pytest.raises(ValueError, match="update fused-encoder"):
        run_from_json(json.dumps(told))


@pytest.mark.parametrize("damage", ["truncated", "empty", "other"])
def test_a_damaged_shard_is_named_with_what_to_do(tmp_path, damage):
    writer = ShardWriter(tmp_path, RUN)
    write(writer, "wren.wav", 3)
    writer.flush()
    [shard] = Archive(tmp_path).shards
    if damage == "other":
        parquet.write_table(pyarrow.table({"x": [1]}), shard)
    else:
        os.truncate(shard, 0 if damage == "empty" else shard.stat().st_size - 9)
    with pytest.raises(
        ValueError, match=r"1 shards of .* are damaged. Remove them and run `embed`"
    ):
        Archive(tmp_path)


def test_flipped_bytes_in_the_embeddings_are_noticed_when_they_are_read(tmp_path):
    writer = ShardWriter(tmp_path, RUN)
    write(writer, "wren.wav", 200)
    writer.flush()
    [shard] = Archive(tmp_path).shards
    content = bytearray(shard.read_bytes())
    middle = 4000  # of the 200 x 8 numbers, which are most of the file
    content[middle : middle + 8] = bytes(byte ^ 0xFF for byte in content[middle : middle + 8])
    shard.write_bytes(content)
    with pytest.raises(ValueError, match=r"damaged"):
        rows_in(tmp_path)


def test_a_folder_without_shards_is_no_archive(tmp_path):
    assert not holds_shards(tmp_path)
    with pytest.raises(FileNotFoundError, match="No embeddings in"):
        Archive(tmp_path)


def test_embeddings_of_two_encoders_are_not_read_as_one(tmp_path):
    for fingerprint in ("wren-1", "wren-2"):
        writer = ShardWriter(tmp_path, Run(fingerprint, SIZE, ArchiveSettings()))
        write(writer, f"{fingerprint}.wav", 1)
        writer.flush()
    with pytest.raises(ValueError, match=r"embeddings of 2 encoders \(wren-1, wren-2\)"):
        list(Archive(tmp_path).batches())


def test_what_a_killed_run_left_is_taken_away_and_what_lives_is_not(tmp_path):
    writer = ShardWriter(tmp_path, RUN)
    alive = writer.begin_part()
    dead = alive._path.with_name(alive._path.name.replace(f".{os.getpid()}.", ".4194305."))
    dead.touch()
    remove_abandoned_parts(tmp_path)
    assert [part.name for part in (tmp_path / "shards").iterdir()] == [alive._path.name]
    alive.discard()


def test_a_failing_disk_leaves_what_was_finished_for_the_next_try(tmp_path, monkeypatch):
    writer = ShardWriter(tmp_path, RUN)
    write(writer, "wren.wav", 2)
    with monkeypatch.context() as full:
        full.setattr(shards_module.PartFile, "commit", _refuse)
        with pytest.raises(OSError, match="No space left"):
            writer.flush()
    assert list((tmp_path / "shards").iterdir()) == []
    writer.flush()
    assert len(rows_in(tmp_path)) == 2


def _refuse(*_: object) -> None:
    raise OSError(28, "No space left on device")


def test_merging_joins_what_machines_did(tmp_path):
    for machine in ("a", "b"):
        writer = ShardWriter(tmp_path / machine, RUN)
        write(writer, f"{machine}.wav", 2)
        writer.flush()
    merged = merge_archives([tmp_path / "a", tmp_path / "b"], tmp_path / "all")
    assert [row.file for row in merged.files] == ["a.wav", "b.wav"]
    assert len(rows_in(tmp_path / "all")) == 4
    assert parquet.read_table(tmp_path / "all/files.parquet")["file"].to_pylist() == [
        "a.wav",
        "b.wav",
    ]
    again = merge_archives([tmp_path / "b", tmp_path / "a"], tmp_path / "all")
    assert len(again.shards) == 2


def test_merging_archives_of_two_encoders_is_refused_before_anything_is_written(tmp_path):
    for fingerprint in ("wren-1", "wren-2"):
        writer = ShardWriter(tmp_path / fingerprint, Run(fingerprint, SIZE, ArchiveSettings()))
        write(writer, "a.wav", 1)
        writer.flush()
    with pytest.raises(ValueError, match="made by 2 encoders"):
        merge_archives([tmp_path / "wren-1", tmp_path / "wren-2"], tmp_path / "all")
    assert not (tmp_path / "all").exists()


@pytest.mark.parametrize(
    "changed",
    [
        {"window_seconds": 4.0},
        {"hop_seconds": 1.0},
        {"frames_per_second": 2.0},
        {"max_clipped_share": 0.2},
    ],
)
def test_every_setting_is_in_the_key(changed):
    assert ArchiveSettings(**changed).key("wren-1") != ArchiveSettings().key("wren-1")
    assert ArchiveSettings().key("wren-1") != ArchiveSettings().key("wren-2")


@pytest.mark.parametrize(
    "wrong", [{"window_seconds": 0.0}, {"hop_seconds": float("nan")}, {"max_clipped_share": 1.5}]
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ArchiveSettings(**wrong)


def test_thirty_kills_lose_nothing_that_was_committed_and_tear_nothing(tmp_path):
    program = Path(__file__).with_name("killed_archivers.py")
    command = [sys.executable, str(program), str(tmp_path), "30"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert told[1:] == ["acknowledged"]
    assert int(told[0]) > 20
