"""Where an index is: paths and addresses are told apart, and a password is in no message."""

from pathlib import Path

import pytest

from inference.index import EmbeddingIndex
from inference.index.address import MilvusAddress, parse_address


@pytest.mark.parametrize(
    ("uri", "server", "names", "token"),
    [
        ("http://host", "http://host:19530", "default/fused_encoder", ""),
        ("HTTP://host:1/birds/", "http://host:1", "default/birds", ""),
        (" https://host/db/birds", "https://host", "db/birds", ""),
        ("http://me:s%40crt@[::1]:1/db/b", "http://[::1]:1", "db/b", "me:s@crt"),
        ("http://me:p@ss@host/b", "http://host:19530", "default/b", "me:p@ss"),
        ("https://key@host/b", "https://host", "default/b", "key"),
    ],
)
def test_an_address_has_its_parts_and_shows_no_password(uri, server, names, token):
    parsed = parse_address(uri)
    assert isinstance(parsed, MilvusAddress)
    assert str(parsed) == f"{server}/{names}"
    assert (parsed.server, f"{parsed.database}/{parsed.collection}") == (server, names)
    assert parsed.token == token
    assert not token or token not in repr(parsed)


def test_the_token_may_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("MILVUS_TOKEN", "root:secret")
    assert parse_address("http://host").token == "root:secret"  # type: ignore[union-attr]
    assert parse_address("http://me:mine@host").token == "me:mine"  # type: ignore[union-attr]


@pytest.mark.parametrize("path", ["a@b/birds.index", "some/é birds", "C:birds", " birds.index"])
def test_all_else_is_a_path(path):
    assert parse_address(path) == parse_address(Path(path)) == Path(path)
    assert str(parse_address(f"milvus:{path}.db")) == f"milvus:{path}.db"  # of Milvus Lite


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("http://", "names no Milvus server"),
        ("http:/me:secret@host/birds", "names no Milvus server"),
        ("http:me:secret@host/birds", "names no Milvus server"),
        (Path("http://me:secret@host/birds"), "names no Milvus server"),
        ("milvus://me:secret@host:19530", "names no Milvus server"),
        ("http://me:secret@host:port", "port of the Milvus server is no number"),
        ("http://me:secret/s@host/birds", "port of the Milvus server is no number"),
        ("http://me:1/secret@host/birds", "has an @ behind the name of the server"),
        ("http://me:1?secret@host/birds", "has an @ behind the name of the server"),
        ("http://me:secret@host/a/b/c", "no address of an index on the Milvus server http://host"),
        ("http://me:secret@host/a?token=secret", "no address of an index on the Milvus server"),
        ("  http://me:secret@host/my birds", "have names of .* received 'my birds'"),
        ("http://host/1/birds", "have names of .* received '1'"),
        ("milvus:", "path after 'milvus:' is empty"),
        ("postgresql://me:secret@host/db", "no engine 'postgresql'"),
        ("", "path of the index is empty"),
        (None, "opened by a path"),
    ],
)
def test_what_is_no_address_is_refused_without_its_password(uri, message):
    with pytest.raises((ValueError, TypeError), match=message) as told:
        EmbeddingIndex.open(uri)
    assert not uri or "http://host:19530" in str(told.value)
    assert "secret" not in str(told.value)
