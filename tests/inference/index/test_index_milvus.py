"""What is particular to an index on Milvus: the answers of the embedded one, and what it refuses."""

import itertools
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

from inference.embeddings import Embeddings
from inference.index import EmbeddingIndex, milvus_collection, milvus_store
from inference.index.address import MilvusAddress, parse_address
from tests.inference.vectors import unit

pytest.importorskip("pymilvus")

VALUES = [None, 0, 1, 2, 2.0, -0.0, 0.5, True, False, "", "2", "wren", "Zaun\"'\\ö", 2**53 + 1, -7]
KEYS = ["species", "site é", "dotted.name", "is adult"]
WHERES = [
    {},
    {"species": "wren"},
    {"species": ["wren", 2, None]},
    {"site é": 1},
    {"site é": [False, 0.5]},
    {"dotted.name": None},
    {"dotted.name": ["", "2", 2**53 + 1]},
    {"is adult": True, "species": [None, 0, "Zaun\"'\\ö"]},
    {"is adult": float(2**53)},
    {"nowhere": None},
    {"nowhere": []},
]


@pytest.fixture
def index(milvus_uri):
    with EmbeddingIndex.open(milvus_uri) as index:
        yield index


def unit_rows(rng: np.random.Generator, num: int) -> np.ndarray:
    return unit(rng.standard_normal((num, 2))).astype(np.float32)


def random_metadata(rng: np.random.Generator) -> dict:
    keys = rng.choice(KEYS, rng.integers(0, 4), replace=False)
    return {str(key): VALUES[rng.integers(len(VALUES))] for key in keys}


def rows_of(index: EmbeddingIndex) -> list:
    return [
        (row.id, row.embedding.tobytes(), row.metadata, [type(v) for v in row.metadata.values()])
        for row in index
    ]


@pytest.mark.parametrize("seed", range(2))
def test_every_answer_is_that_of_the_embedded_store(index, tmp_path, seed, monkeypatch):
    monkeypatch.setattr(milvus_store, "ROWS_AT_ONCE", 17)
    rng = np.random.default_rng(seed)
    with EmbeddingIndex.open(tmp_path / "embedded.index") as embedded:
        for step in range(4):
            ids = [f"{step} é{row}'\"\\" for row in range(rng.integers(1, 60))]
            vectors = unit_rows(rng, len(ids))
            vectors[len(ids) // 2 :] = vectors[0]  # many that are equally near
            metadata = [random_metadata(rng) for _ in ids]
            there = [row.id for row in embedded]
            some = [str(id_) for id_ in rng.choice(there, len(there) // 4, replace=False)]
            others = [id_ for id_ in there if id_ not in some][:7]
            vectors_of_others = unit_rows(rng, len(others)) if step % 2 else None
            for one in (embedded, index):
                one.add(ids, Embeddings.of(vectors, "wren-1"), metadata)
                one.update(others, vectors_of_others, metadata[:1] * len(others))
                one.delete(some)
        queries = np.concatenate([unit_rows(rng, 5), vectors[:2]])
        assert rows_of(index) == rows_of(embedded)
        assert (index.fingerprint, index.embedding_size, index.check()) == ("wren-1", 2, [])
        for where, k, least in itertools.product(WHERES, (1, 7, 1000), (None, 0.4)):
            options = {"k": k, "where": where, "min_similarity": least}
            assert index.search(queries, **options) == embedded.search(queries, **options)
            assert index.count(where) == embedded.count(where)


def test_a_second_process_sees_what_was_written(milvus_uri):
    with EmbeddingIndex.open(milvus_uri) as index, EmbeddingIndex.open(milvus_uri) as reader:
        for number in range(5):
            index.add([str(number)], [[0.6, 0.8]])
            index.update(["0"], metadata=[{"number": number}])
            assert (len(reader), reader.get(["0"])[0].metadata) == (number + 1, {"number": number})
            assert len(reader.search([0.6, 0.8], k=99)[0]) == number + 1


def test_threads_share_one_index(index):
    index.add(["first"], [[0.6, 0.8]])

    def use(name: str) -> None:
        for number in range(3):
            index.add([f"{name}{number}"], [[0.6, 0.8]])
            assert f"{name}{number}" in {hit.id for hit in index.search([0.6, 0.8], k=99)[0]}

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(use, "abc"))
    assert (len(index), index.check()) == (10, [])


def test_a_missing_index_is_not_made_up(milvus_uri):
    for options in ({"create": False}, {"read_only": True}):
        with pytest.raises(FileNotFoundError, match=r"There is no index .*birds.*create=True"):
            EmbeddingIndex.open(milvus_uri, **options)


def test_what_was_written_is_there_when_it_is_opened_again(milvus_uri):
    with EmbeddingIndex.open(milvus_uri) as index:
        index.add(["a", "b"], Embeddings.of([[1, 0], [0, 1]], "wren-1"), [{"n": 1}, {}])
        index.delete(["b"])
    with EmbeddingIndex.open(milvus_uri, read_only=True) as index:
        assert [(row.id, row.metadata) for row in index] == [("a", {"n": 1})]
        assert (len(index), index.fingerprint, index.log()) == (1, "wren-1", [])
        update = partial(index.update, metadata=[{}])
        delete, compact = partial(index.delete, ["a"]), index.compact
        for call in (partial(index.add, ["b"], [[1, 0]]), partial(update, ["a"]), delete, compact):
            with pytest.raises(PermissionError, match="opened for reading only"):
                call()


def test_a_collection_of_another_program_is_left_as_it_was(milvus_uri):
    from pymilvus import MilvusClient

    address = parse_address(milvus_uri)
    assert isinstance(address, MilvusAddress)
    client = MilvusClient(address.server or str(address.path))
    client.create_collection("birds" if address.server else "fused_encoder", dimension=2)
    with pytest.raises(ValueError, match=r"is no embedding index. It was left as it is"):
        EmbeddingIndex.open(milvus_uri)
    client.close()


def test_what_milvus_cannot_do_is_refused(index):
    index.add(["é" * 32_000], [[1, 0]], [{"x": "é" * 32_000}])
    if index.address.startswith("http"):  # Milvus Lite holds them
        for ids, metadata in ((["é" * 40_000], None), (["a"], [{"x": "é" * 40_000}])):
            with pytest.raises(OSError, match=r"Milvus reports: .*65535"):
                index.add(ids, [[1, 0]], metadata)
    with pytest.raises(ValueError, match="k must be at most 16384 on Milvus, received 20000"):
        index.search([1, 0], k=20_000)
    assert (index.build_approximate(), index.approximation) == (None, None)
    assert [row.id for row in index] == ["é" * 32_000]


def test_milvus_lite_looks_before_it_makes_a_folder(tmp_path):
    pytest.importorskip("milvus_lite")
    (tmp_path / "file.db").write_text("mine", "utf-8")
    (tmp_path / "folder.db").mkdir()
    for name in ("file.db", "folder.db"):
        with pytest.raises(ValueError, match=r"is no folder of Milvus Lite\."):
            EmbeddingIndex.open(f"milvus:{tmp_path / name}")
    with pytest.raises(ValueError, match=r"must end in .db"):
        EmbeddingIndex.open(f"milvus:{tmp_path / 'birds'}")
    with pytest.raises(ConnectionError, match="not exist"):
        EmbeddingIndex.open(f"milvus:{tmp_path / 'none' / 'birds.db'}")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file.db", "folder.db"]


def test_a_folder_that_another_process_has_open_is_told(tmp_path):
    pytest.importorskip("milvus_lite")
    uri = f"milvus:{tmp_path / 'birds.db'}"
    program = "import sys; from inference.index import EmbeddingIndex as E; E.open(sys.argv[1])"
    with EmbeddingIndex.open(uri):
        told = subprocess.run(
            [sys.executable, "-c", program, uri], capture_output=True, text=True, check=False
        )
    assert "one process at a time can use a folder of Milvus Lite" in told.stderr


def test_without_pymilvus_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(ImportError, match=r"needs pymilvus.*fused-encoder\[milvus\]"):
        EmbeddingIndex.open("http://host")


def test_a_server_that_is_not_there_is_told_without_the_token(monkeypatch):
    monkeypatch.setattr(milvus_collection, "SECONDS_TO_CONNECT", 0.3)
    with pytest.raises(ConnectionError, match=r"No Milvus answers at http://127.0.0.1:1\.") as told:
        EmbeddingIndex.open("http://me:secret@127.0.0.1:1/birds")
    assert "secret" not in str(told.value)


@pytest.mark.milvus
def test_a_database_that_is_not_there_is_told(milvus_server):
    with pytest.raises(FileNotFoundError, match=r"has no database 'aviary'. Create it there first"):
        EmbeddingIndex.open(f"{milvus_server}/aviary/birds")


def test_a_token_that_is_refused_is_told_apart_from_a_server_that_is_not_there():
    exceptions = pytest.importorskip("pymilvus.exceptions")
    refused = exceptions.MilvusException(2, "Fail connecting to server")
    reason = exceptions.MilvusException(1, "status = StatusCode.UNAUTHENTICATED")
    refused.__cause__, reason.__cause__ = reason, reason  # as pymilvus has it
    told = milvus_collection._in_words(refused, MilvusAddress("http://host", None), ConnectionError)
    assert isinstance(told, PermissionError)
    assert "MILVUS_TOKEN" in str(told)
