"""Recovery: what can be read of a damaged index comes back exactly, and what is lost is told."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from inference.embeddings import Embeddings
from inference.index import EmbeddingIndex, Recovery, recover_index
from tests.inference.vectors import random_unit

NUM, SIZE, PAGE = 400, 64, 4096
Rows = dict[str, tuple[bytes, dict]]


def rows_of(path: Path) -> Rows:
    with EmbeddingIndex.open(path, create=False) as index:
        return {row.id: (row.embedding.tobytes(), row.metadata) for row in index}


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Rows of all kinds: long metadata on overflow pages, updated rows, and a gap where rows were deleted."""
    path = tmp_path_factory.mktemp("whole") / "birds.index"
    metadata = [{"n": row, "ü": "é" * (3000 if row % 50 == 0 else row % 9)} for row in range(NUM)]
    with EmbeddingIndex.open(path) as index:
        for start in range(0, NUM, 100):
            part = slice(start, start + 100)
            ids = [f"Zaunkönig {row}" for row in range(start, start + 100)]
            index.add(ids, Embeddings.of(random_unit(NUM, SIZE)[part], "wren-1"), metadata[part])
        index.delete([f"Zaunkönig {row}" for row in range(150, 220)])
        index.update(["Zaunkönig 3"], random_unit(1, SIZE, 9), [{"updated": True}])
    return path


@pytest.fixture
def path(whole, tmp_path):
    return Path(shutil.copy(whole, tmp_path))


def recovered(path: Path) -> tuple[Recovery, Rows]:
    target = path.with_name("recovered.index")
    recovery = recover_index(path, target)
    with EmbeddingIndex.open(target, create=False) as index:
        assert index.check() == []
        assert index.log()[-1].action == "recover"
        assert len(index) == recovery.num_recovered
    return recovery, rows_of(target)


def test_a_sound_index_comes_back_whole(path):
    before = path.read_bytes()
    recovery, rows = recovered(path)
    assert path.read_bytes() == before
    assert rows == rows_of(path)
    assert list(rows) == list(rows_of(path))
    assert recovery == Recovery(NUM - 70, (), 0, "wren-1")


def noise(content: bytearray, generator: np.random.Generator) -> None:
    page = PAGE * int(generator.integers(1, len(content) // PAGE))
    content[page : page + PAGE] = generator.bytes(PAGE)


def bits(content: bytearray, generator: np.random.Generator) -> None:
    for place in generator.integers(PAGE, len(content), 10):
        content[place] ^= 1 << int(generator.integers(8))


def cut(content: bytearray, generator: np.random.Generator) -> None:
    del content[int(generator.integers(PAGE, len(content))) :]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("damage", [noise, bits, cut])
def test_what_comes_back_is_exact_and_what_is_lost_is_named(path, damage, seed):
    expected = rows_of(path)
    content = bytearray(path.read_bytes())
    damage(content, np.random.default_rng(seed))
    path.write_bytes(content)
    try:
        recovery, rows = recovered(path)
    except ValueError:  # a page that leads to all others
        assert damage is noise
        return
    assert recovery.fingerprint in ("wren-1", None)
    assert {id_: expected.get(id_) for id_ in rows} == rows
    lost = expected.keys() - rows.keys()
    assert set(recovery.lost_ids) <= lost or damage is bits
    assert len(lost) < 60 or damage is cut


def test_what_waits_in_the_write_ahead_log_is_read_too(path, tmp_path):
    crashed = tmp_path / "crashed.index"
    with EmbeddingIndex.open(path) as index:
        index.add(["late"], random_unit(1, SIZE, 5))
        for end in ("", "-wal"):
            shutil.copy(f"{path}{end}", f"{crashed}{end}")
    assert "late" in recovered(crashed)[1]


def test_nothing_to_recover_is_refused_and_nothing_is_made(tmp_path):
    noise, target = tmp_path / "noise", tmp_path / "recovered.index"
    noise.write_bytes(np.random.default_rng(0).bytes(100_000))
    with pytest.raises(ValueError, match=r"Not a single row can be read .* No index was made"):
        recover_index(noise, target)
    with pytest.raises(FileNotFoundError, match="There is no index"):
        recover_index(tmp_path / "none", target)
    assert [file.name for file in tmp_path.iterdir()] == ["noise"]


def test_a_target_that_exists_is_left_as_it_is(path):
    target = path.with_name("recovered.index")
    target.write_bytes(b"mine")
    with pytest.raises(FileExistsError, match="is left as it is"):
        recover_index(path, target)
    assert target.read_bytes() == b"mine"
