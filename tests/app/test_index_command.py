"""`fused-encoder index`: what it does, what it says, and how it ends. No encoder is needed."""

import numpy as np
import pytest

from inference.embedding_file import EmbeddingFile, save_embeddings
from inference.embeddings import Embeddings
from inference.index import EmbeddingIndex, sqlite_store
from tests.app.conftest import run


@pytest.fixture
def gallery(tmp_path):
    embeddings = Embeddings.of(np.eye(4), "wren-1")
    rows = EmbeddingFile(("a", "b", "c", "é"), embeddings, ({"class": "wren"}, {}, {}, {}))
    return save_embeddings(tmp_path / "gallery.npz", rows)


@pytest.fixture
def index(tmp_path, gallery):
    path = tmp_path / "birds.index"
    assert run("index", "build", path, gallery) == 0
    return path


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_export_and_import_carry_all_rows(index, tmp_path, ending, capsys):
    file, other = tmp_path / f"rows.{ending}", tmp_path / "other.index"
    assert run("index", "export", index, file) == 0
    assert run("index", "import", other, file) == 0
    assert f"4 new rows from '{file}'" in capsys.readouterr().out
    with EmbeddingIndex.open(index) as left, EmbeddingIndex.open(other) as right:
        assert [row.id for row in left] == [row.id for row in right]
        assert right.fingerprint == "wren-1"


def test_log_is_a_table(index, capsys):
    capsys.readouterr()
    assert run("index", "log", index) == 0
    header, created, added = capsys.readouterr().out.splitlines()
    assert header.split() == ["entry", "time", "action", "rows", "version"]
    assert created.split()[2:4] == ["create", "0"]
    assert added.split()[2:4] == ["add", "4"]


def test_a_sound_index_is_checked_compacted_and_recovered(index, capsys):
    assert run("index", "check", index) == 0
    assert run("index", "compact", index) == 0
    assert run("index", "recover", index, f"{index}2") == 0
    printed = capsys.readouterr().out
    assert "All 4 rows of" in printed
    assert "bytes given back." in printed


def damage_one_row(index):
    content = index.read_bytes()
    index.write_bytes(content.replace(b'{"class": "wren"}', b'{"class": "wrem"}'))


def test_check_names_a_damaged_row_and_recover_saves_the_others(index, tmp_path, capsys):
    damage_one_row(index)
    assert run("index", "check", index) == 2
    told = capsys.readouterr().err
    assert "the row 'a' at position 1 is not what was written" in told
    assert f"fused-encoder index recover {index} recovered.index" in told
    recovered = tmp_path / "recovered.index"
    assert run("index", "recover", index, recovered) == 1
    printed = capsys.readouterr()
    assert f"3 embeddings in '{recovered}'." in printed.out
    assert "wren-1" in printed.out
    assert "1 ids are known to be lost:\n  a\n" in printed.err
    with EmbeddingIndex.open(recovered) as saved:
        assert [row.id for row in saved] == ["b", "c", "é"]


def test_a_file_that_cannot_be_opened_names_the_remedy(index, capsys):
    content = index.read_bytes()
    index.write_bytes(content[: len(content) // 2])
    assert run("index", "info", index) == 2
    assert f"fused-encoder index recover {index} recovered.index" in capsys.readouterr().err


def test_approximate_search_of_few_rows_is_exact(index, capsys):
    assert run("index", "approximate", index) == 0
    assert "Exact search: the index has too few rows" in capsys.readouterr().out


def test_approximate_prints_its_recall(tmp_path, monkeypatch, capsys):
    pytest.importorskip("faiss")
    monkeypatch.setattr(sqlite_store, "FROM_ROWS", 1000)
    path = tmp_path / "large.index"
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((40, 16))[rng.integers(40, size=3000)]
    vectors += 0.2 * rng.standard_normal((3000, 16))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    with EmbeddingIndex.open(path) as index:
        index.add([str(row) for row in range(3000)], vectors)
    assert run("index", "approximate", path, "--target-recall", "0.9") == 0
    assert "recall@10 0.9" in capsys.readouterr().out
    assert run("index", "info", path) == 0
    assert "recall@10 0.9" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["export", "birds.index", "rows.txt"], "ends in .parquet or .csv"),
        (["import", "new.index", "none.csv"], "There is no file none.csv"),
        (["compact", "none.index"], "There is no index none.index"),
        (["recover", "none.index", "x.index"], "There is no index none.index"),
        (["recover", "birds.index", "birds.index"], "is left as it is"),
    ],
)
def test_what_cannot_be_done_is_refused(index, arguments, message, capsys, monkeypatch):
    monkeypatch.chdir(index.parent)
    assert run("index", *arguments) == 2
    assert message in capsys.readouterr().err


def test_no_message_of_a_refused_build_shows_a_password(tmp_path, monkeypatch, capsys):
    """The index of that address holds rows that the archive no longer holds."""
    archive = tmp_path / "archive"
    archive.mkdir()
    with EmbeddingIndex.open(tmp_path / "stand-in.index") as stand_in:
        stand_in.add(["a.wav#t=0,5"], [[1.0, 0.0]])

        class OnServer(EmbeddingIndex):
            address = "http://host:19530/default/birds"

        class Archive:
            fingerprint = "wren-1"

            def __init__(self, path):
                pass

            def batches(self):
                return []

            def find(self, path):
                return path

        monkeypatch.setattr("archives.embed.archive.Archive", Archive)
        monkeypatch.setattr(
            "inference.index.EmbeddingIndex.open", lambda *_, **__: OnServer(stand_in._store)
        )
        assert run("index", "build", "http://user:secret@host/birds", archive) == 2
    told = capsys.readouterr()
    assert "'http://host:19530/default/birds' holds 1 rows" in told.err
    assert "secret" not in told.out + told.err


@pytest.mark.parametrize(
    "address",
    [
        "http:/me:secret@h/b",
        " http://me:secret@h/a b",
        "http://me:secr/et@h/b",
        "http://secret@h:x",
    ],
)
def test_an_address_that_is_mistyped_shows_no_password(address, gallery, capsys):
    assert run("index", "build", address, gallery) == 2
    told = capsys.readouterr()
    assert "Expected http://host:19530" in told.err
    assert "secr" not in told.out + told.err
