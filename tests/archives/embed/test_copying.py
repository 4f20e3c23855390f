"""A renamed folder costs neither the time nor the memory of the archive, once for each file in it."""

from pathlib import Path

import numpy as np
import pyarrow
import pytest

from archives.embed import rows_of_files
from archives.embed.archive import Archive
from archives.embed.content import Identity
from archives.embed.copying import copy_embeddings
from archives.embed.embedding_rows import Place
from archives.embed.file_rows import FileRow
from archives.embed.run import Run
from archives.embed.settings import ArchiveSettings
from archives.embed.shards import ShardWriter
from archives.embed.sources import Source

RUN = Run("wren-1", 128, ArchiveSettings())


def unit(num: int, seed: int) -> np.ndarray:
    vectors = np.random.default_rng(seed).standard_normal((num, 128)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """Of 300 recordings of 3 windows each, in one shard."""
    writer = ShardWriter(tmp_path, RUN)
    for number in range(300):
        share = writer.open_file(Source("recording", Path(f"old/{number}.wav")))
        share.add(unit(3, number), [Place("audio", row, row + 5.0) for row in range(3)])
        share.finish(FileRow(f"old/{number}.wav", "recording", "ok", content=f"{number:032x}"))
    writer.flush()
    return Archive(tmp_path)


def copy_all(archive: Archive, folder: Path) -> ShardWriter:
    writer = ShardWriter(folder, RUN)
    for one in archive.filed:
        source = Source("recording", Path(one.row.file.replace("old", "new")))
        copy_embeddings(
            archive, one, source, Identity(one.row.content, 1, 1), writer.open_file(source)
        )
    return writer


@pytest.mark.parametrize("most_rows", [0, 32_768])
def test_each_gets_its_own_rows(archive, tmp_path, monkeypatch, most_rows):
    monkeypatch.setattr(rows_of_files, "MOST_ROWS_AT_HAND", most_rows)
    copy_all(archive, tmp_path).flush()
    [found] = list(Archive(tmp_path).tables_of(Archive(tmp_path).find("new/7.wav")))
    assert found["id"].to_pylist() == [f"new/7.wav#t={row}.00,{row + 5}.00" for row in range(3)]
    np.testing.assert_array_equal(np.stack(found["embedding"].to_pylist()), unit(3, 7))


def test_a_shard_is_read_once_for_all_its_files(archive, tmp_path, monkeypatch):
    num_reads = []
    read = archive._rows_of_files._read
    monkeypatch.setattr(
        archive._rows_of_files, "_read", lambda shard: num_reads.append(shard) or read(shard)
    )
    copy_all(archive, tmp_path / "new")
    assert len(num_reads) == 1


def test_what_waits_to_be_written_is_no_larger_than_its_rows(archive, tmp_path):
    before = pyarrow.total_allocated_bytes()
    writer = copy_all(archive, tmp_path / "new")
    assert len(writer._finished) == 300
    assert pyarrow.total_allocated_bytes() - before < 900 * (128 * 4 + 2000)
