"""Opening an index on Milvus: its address, and everything that can be in the way."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from inference.embeddings import Embeddings
from inference.index import EmbeddingIndex, milvus_store
from inference.index.milvus import connection
from inference.index.milvus.address import MilvusAddress, parse_address
from inference.index.milvus.entities import row_entity, schema
from inference.index.milvus.state import from_text, new_state, to_text

if TYPE_CHECKING:
    from pymilvus import CollectionSchema, MilvusClient


@pytest.mark.parametrize(
    ("uri", "address", "text"),
    [
        (
            "http://host",
            ("http://host:19530", "default", "fused_encoder", ""),
            "http://host:19530/default/fused_encoder",
        ),
        (
            "HTTP://host:1/birds/",
            ("http://host:1", "default", "birds", ""),
            "http://host:1/default/birds",
        ),
        ("https://host/db/birds", ("https://host", "db", "birds", ""), "https://host/db/birds"),
        (
            "http://me:s%40crt@[::1]:1/db/b",
            ("http://[::1]:1", "db", "b", "me:s@crt"),
            "http://[::1]:1/db/b",
        ),
        ("https://key@host/b", ("https://host", "default", "b", "key"), "https://host/default/b"),
    ],
)
def test_an_address_names_server_database_and_collection(
    uri: str, address: tuple, text: str
) -> None:
    parsed = parse_address(uri)
    assert (parsed.server, parsed.database, parsed.collection, parsed.token) == address
    assert str(parsed) == text


def test_the_token_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MILVUS_TOKEN", "root:secret")
    assert parse_address("http://host").token == "root:secret"
    assert parse_address("http://me:mine@host").token == "me:mine"
    assert "secret" not in f"{parse_address('http://host')!r}"


def test_milvus_lite_is_named_by_a_path() -> None:
    assert parse_address("milvus:some/é birds.db") == MilvusAddress(None, Path("some/é birds.db"))


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("http://", "names no Milvus server"),
        ("milvus://host:19530", "names no Milvus server"),
        ("http://me:secret@host:port", "port of the Milvus server is no number"),
        ("http://me:secret@host/a/b/c", "http://host:19530/a/b/c is no address"),
        ("http://me:secret@host/a?token=secret", "http://host:19530/a is no address"),
        ("http://host/my birds", "A collection of Milvus is named by .* received 'my birds'"),
        ("http://host/1/birds", "A database of Milvus is named by .* received '1'"),
        ("milvus:", "path after 'milvus:' is empty"),
    ],
)
def test_what_is_no_address_is_refused_without_its_password(uri: str, message: str) -> None:
    with pytest.raises(ValueError, match=rf"{message}.* (?s:.)*Expected http://host:19530") as told:
        EmbeddingIndex.open(uri)
    assert "secret" not in str(told.value)


def test_without_pymilvus_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymilvus", None)
    with pytest.raises(ImportError, match=r"needs pymilvus.*fused-encoder\[milvus\]"):
        EmbeddingIndex.open("http://host")


def test_without_milvus_lite_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("pymilvus")
    monkeypatch.setitem(sys.modules, "milvus_lite.server_manager", None)
    with pytest.raises(ImportError, match=r"needs milvus-lite.*fused-encoder\[milvus\]"):
        EmbeddingIndex.open(f"milvus:{tmp_path / 'birds.db'}")


def test_a_server_that_is_not_there_is_told_without_the_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("pymilvus")
    monkeypatch.setattr(connection, "SECONDS_TO_CONNECT", 0.3)
    with pytest.raises(ConnectionError, match=r"No Milvus answers at http://127.0.0.1:1\.") as told:
        EmbeddingIndex.open("http://me:secret@127.0.0.1:1/birds")
    assert "secret" not in str(told.value)


def test_a_missing_index_is_not_made_up(milvus_uri: str) -> None:
    EmbeddingIndex.open(milvus_uri).close()
    other = milvus_uri.replace("birds", "others")
    for options in ({"create": False}, {"read_only": True}):
        with pytest.raises(FileNotFoundError, match=r"There is no index .*others.*create=True"):
            EmbeddingIndex.open(other, **options)


def test_milvus_lite_looks_before_it_makes_a_folder(tmp_path: Path) -> None:
    pytest.importorskip("milvus_lite")
    (tmp_path / "file").write_text("mine", "utf-8")
    with pytest.raises(ValueError, match="is a file; Milvus Lite keeps its rows in a folder"):
        EmbeddingIndex.open(f"milvus:{tmp_path / 'file'}")
    with pytest.raises(ValueError, match="a folder of something else than Milvus Lite"):
        EmbeddingIndex.open(f"milvus:{tmp_path}")
    with pytest.raises(FileNotFoundError, match=r"The folder .* does not exist"):
        EmbeddingIndex.open(f"milvus:{tmp_path / 'none' / 'birds.db'}")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def schema_of_others(client: "MilvusClient") -> "CollectionSchema":
    from pymilvus import DataType

    schema = client.create_schema()
    schema.add_field("number", DataType.INT64, is_primary=True)
    schema.add_field("vector", DataType.FLOAT_VECTOR, dim=2)
    return schema


def test_a_collection_of_another_program_is_left_as_it_was(milvus_uri: str) -> None:
    address = parse_address(milvus_uri.replace("/birds", "/foreign"))
    opened = connection.Connection(address)
    opened.client.create_collection(address.collection, schema=schema_of_others(opened.client))
    with pytest.raises(ValueError, match=r"that is no embedding index. It was left as it is"):
        EmbeddingIndex.open(milvus_uri.replace("/birds", "/foreign"))
    assert opened.client.list_collections() != []
    opened.client.drop_collection(address.collection)
    opened.close()


def test_a_collection_that_came_meanwhile_is_left_as_it_was(milvus_uri: str) -> None:
    uri = milvus_uri.replace("/birds", "/meanwhile")
    with EmbeddingIndex.open(uri) as index:
        client = index._store._connection.client  # type: ignore[attr-defined]
        name = parse_address(uri).collection
        client.create_collection(name, schema=schema_of_others(client))
        with pytest.raises(ValueError, match=r"that is no embedding index. It was left as it is"):
            index.add(["a"], [[1, 0]])
        client.drop_collection(name)
        assert index.add(["a"], [[1, 0]]) == 1


def test_read_only_finds_everything_and_changes_nothing(milvus_uri: str) -> None:
    with EmbeddingIndex.open(milvus_uri) as index:
        index.add(["a"], Embeddings.of([[1, 0]], "wren-1"), [{"n": 1}])
    with EmbeddingIndex.open(milvus_uri, read_only=True) as index:
        assert index.search([1, 0])[0][0].metadata == {"n": 1}
        for call in (
            lambda: index.add(["b"], [[1, 0]]),
            lambda: index.update(["a"], metadata=[{}]),
            lambda: index.delete(["a"]),
            lambda: index.compact(),
        ):
            with pytest.raises(PermissionError, match="opened for reading only"):
                call()
        assert (len(index), index.fingerprint) == (1, "wren-1")


def test_what_was_written_is_there_when_it_is_opened_again(milvus_uri: str) -> None:
    with EmbeddingIndex.open(milvus_uri) as index:
        index.add(["a", "b"], [[1, 0], [0, 1]], [{"n": 1}, {}])
        index.delete(["b"])
    with EmbeddingIndex.open(milvus_uri, create=False) as index:
        assert [(row.id, row.metadata) for row in index] == [("a", {"n": 1})]
        assert [entry.action for entry in index.log()] == ["create", "add", "delete"]


def test_a_folder_that_another_process_has_open_is_told(tmp_path: Path) -> None:
    pytest.importorskip("milvus_lite")
    uri = f"milvus:{tmp_path / 'birds.db'}"
    program = "import sys; from inference.index import EmbeddingIndex as E; E.open(sys.argv[1])"
    with EmbeddingIndex.open(uri):
        told = subprocess.run(
            [sys.executable, "-c", program, uri], capture_output=True, text=True, check=False
        )
    assert "cannot be opened: another process has it open" in told.stderr


def test_a_newer_schema_is_refused() -> None:
    text = to_text(replace(new_state(), schema_version=99))
    with pytest.raises(ValueError, match=r"with schema 99; .* reads schemas up to 1. Install"):
        from_text(text, "The index birds")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema_version": 1}'])
def test_a_damaged_state_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="The index birds is damaged: its state cannot be read"):
        from_text(text, "The index birds")


@pytest.mark.parametrize(
    ("ids", "metadata", "message"),
    [
        (["é" * 40_000], None, "1 rows with ids of more than 65535 bytes"),
        (["a"], [{"x": "é" * 40_000}], "1 rows with metadata of more than 65535 bytes as JSON"),
        (["a"], [{str(n): n for n in range(2049)}], "1 rows with more than 2048 keys"),
    ],
)
def test_what_milvus_cannot_hold_is_refused_whole(
    milvus_uri: str, ids: list, metadata: list | None, message: str
) -> None:
    with EmbeddingIndex.open(milvus_uri) as index:
        with pytest.raises(ValueError, match=rf"can.*{message}.*use the embedded index"):
            index.add(ids, [[1, 0]], metadata)
        with pytest.raises(ValueError, match=r"embeddings of 2 to 32768 numbers, received 1\."):
            index.add(["a"], [[1]])
        assert (len(index), index.embedding_size) == (0, None)
        assert index.add(["é" * 32_000], [[1, 0]], [{"x": "é" * 32_000}]) == 1
        assert index.get(["é" * 32_000])[0].metadata == {"x": "é" * 32_000}


def test_approximate_search_is_exact_for_few_rows_and_refused_for_many(
    milvus_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EmbeddingIndex.open(milvus_uri) as index:
        index.add(["a", "b"], [[1, 0], [0, 1]])
        assert (index.build_approximate(), index.approximation) == (None, None)
        assert index.search([1, 0], approximate=True) == index.search([1, 0])
        monkeypatch.setattr(milvus_store, "FROM_ROWS", 2)
        for call in (index.build_approximate, lambda: index.search([1, 0], approximate=True)):
            with pytest.raises(ValueError, match="on Milvus every search is exact"):
                call()


def test_compact_deletes_what_killed_calls_left(
    milvus_uri: str,
) -> None:
    with EmbeddingIndex.open(milvus_uri) as index:
        index.add(["a"], [[1, 0]])
        store = index._store
        with store._ledger.turn() as turn:  # type: ignore[attr-defined]
            version = turn.state.next_version
            left = row_entity(("b", b"\0" * 8, "{}", 0), {}, 0, position=2, version=version)
            store._table.insert(turn, [left])  # type: ignore[attr-defined]
            turn.commit(replace(turn.state, aborted=(version,)))
        assert store._table.keys_of_version(version) != []  # type: ignore[attr-defined]
        index.compact()
        assert store._table.keys_of_version(version) == []  # type: ignore[attr-defined]
        assert (len(index), index.check()) == (1, [])


@pytest.mark.milvus
def test_a_database_that_is_not_there_is_told(milvus_server: str) -> None:
    with pytest.raises(FileNotFoundError, match=r"has no database 'aviary'. Create it there first"):
        EmbeddingIndex.open(f"{milvus_server}/aviary/birds")


def test_a_token_that_is_refused_is_told_apart_from_a_server_that_is_not_there() -> None:
    exceptions = pytest.importorskip("pymilvus.exceptions")
    refused = exceptions.MilvusException(2, "Fail connecting to server")
    reason = exceptions.MilvusException(1, "status = StatusCode.UNAUTHENTICATED")
    reason.__cause__ = reason  # as pymilvus has it
    with (
        pytest.raises(PermissionError, match=r"does not accept the user or token.*MILVUS_TOKEN"),
        connection.errors_in_words(parse_address("http://host")),
    ):
        raise refused from reason


def test_a_collection_that_a_killed_process_had_just_made_is_used(milvus_uri: str) -> None:
    uri = milvus_uri.replace("/birds", "/half_made")
    name = parse_address(uri).collection
    with EmbeddingIndex.open(uri) as index:
        client = index._store._connection.client  # type: ignore[attr-defined]
        client.create_collection(name, schema=schema(client, 5))
        assert index.add(["a"], [[1, 0]]) == 1
        assert index.check() == []
