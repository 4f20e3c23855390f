"""The contract of an index, over every way to scan. A further store joins this suite through `index`."""

import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference.embeddings import Embeddings
from inference.index import EmbeddingIndex, Hit, matrix, near_rows, sqlite_store
from tests.inference.vectors import on_circle, random_unit


def compare_by(scan: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """How the embedded store compares: by NumPy, by faiss, or by NumPy without rows that do not pass."""
    if scan == "faiss":
        pytest.importorskip("faiss")
        monkeypatch.setattr(near_rows, "FAISS_FROM_ROWS", 0)
    else:
        monkeypatch.setitem(sys.modules, "faiss", None)
    if scan == "masked":
        monkeypatch.setattr(near_rows, "GATHERED_SHARE", 0.0)
        monkeypatch.setattr(near_rows, "SIMILARITIES_AT_ONCE", 200)


SCANS = ["numpy", "faiss", "masked"]
MILVUS = ["milvus lite", pytest.param("milvus server", marks=pytest.mark.milvus)]


@pytest.fixture(params=[*SCANS, *MILVUS])
def uri(request, tmp_path, monkeypatch, address_of):
    """The address of an empty index in each store; in the embedded one, with each way to compare rows."""
    store, _, where = request.param.partition(" ")
    if store == "milvus":
        return address_of(where)
    compare_by(request.param, monkeypatch)
    return tmp_path / "birds.index"


@pytest.fixture
def index(uri):
    with EmbeddingIndex.open(uri) as index:
        yield index


def ids_of(hits: list[Hit]) -> list[str]:
    return [hit.id for hit in hits]


def test_search_finds_points_on_a_circle_by_their_angle(index):
    index.add(["a", "b", "c"], on_circle(0, 60, 180), [{"species": "wren"}, None, {}])
    [hits] = index.search(on_circle(0)[0], k=3)
    assert ids_of(hits) == ["a", "b", "c"]
    assert [hit.similarity for hit in hits] == pytest.approx([1.0, 0.5, -1.0], abs=1e-6)
    assert hits[0].metadata == {"species": "wren"}


def test_search_agrees_with_sorting_every_similarity(index):
    gallery, queries = random_unit(300), random_unit(20, seed=1)
    index.add([str(row) for row in range(300)], gallery)
    for query, hits in zip(queries, index.search(queries, k=7), strict=True):
        similarities = [float(np.dot(row.astype(float), query.astype(float))) for row in gallery]
        expected = sorted(range(300), key=lambda row: -similarities[row])[:7]
        assert ids_of(hits) == [str(row) for row in expected]
        assert index.search(query, k=7) == [hits]


def test_equals_come_in_insertion_order(index):
    twins = np.repeat(random_unit(1, size=100), 50, axis=0)
    index.add([f"{row}" for row in range(50)], twins)
    [hits] = index.search(twins[0], k=10)
    assert ids_of(hits) == [f"{row}" for row in range(10)]
    assert {hit.similarity for hit in hits} == {1.0}


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"species": "wren"}, ["a", "b"]),
        ({"species": ["robin", "dunnock"]}, ["c"]),
        ({"species": "wren", "site": 2}, ["b"]),
        ({"site": 2.0}, ["b"]),
        ({"site": "2"}, []),
        ({"site": None}, ["c", "d"]),
        ({"site": [None, 1]}, ["a", "c", "d"]),
        ({"weight_g": 0.1 + 0.2}, ["d"]),
        ({"dotted.name é": True}, ["d"]),
        ({"species": []}, []),
        ({}, ["a", "b", "c", "d"]),
    ],
)
def test_a_filter_applies_before_the_scan(index, where, expected):
    metadata = [
        {"species": "wren", "site": 1},
        {"species": "wren", "site": 2},
        {"species": "robin", "site": None},
        {"weight_g": 0.1 + 0.2, "dotted.name é": True},
    ]
    index.add(["a", "b", "c", "d"], on_circle(0, 10, 20, 30), metadata)
    [hits] = index.search(on_circle(0), k=4, where=where)
    assert (ids_of(hits), index.count(where)) == (expected, len(expected))


def test_min_similarity_leaves_out_what_is_less_similar(index):
    index.add(["a", "b", "c"], on_circle(0, 50, 70))
    assert ids_of(index.search(on_circle(0), min_similarity=0.5)[0]) == ["a", "b"]


def test_an_empty_index_answers_with_no_hits(index):
    assert index.search(on_circle(0, 90)) == [[], []]
    assert index.search(np.empty((0, 2))) == []
    assert (len(index), list(index), index.fingerprint, index.embedding_size) == (0, [], None, None)


def test_adding_again_changes_nothing(index):
    assert index.add(["a", "b"], on_circle(0, 90)) == 2
    assert index.add(["b", "c"], on_circle(90 + 1e-5, 180)) == 1  # as another machine computes it
    assert [row.id for row in index] == ["a", "b", "c"]


@pytest.mark.parametrize(("degrees", "metadata"), [(90, {}), (0, {"site": 1})])
def test_an_id_with_another_row_is_refused_whole(index, degrees, metadata):
    index.add(["a"], on_circle(0))
    with pytest.raises(ValueError, match=r"1 of these ids with another .*'a'.*use update"):
        index.add(["new", "a"], on_circle(45, degrees), [{}, metadata])
    assert len(index) == 1


def test_an_unknown_id_is_named_and_nothing_changed(index):
    index.add(["a"], on_circle(0))
    for call in (index.get, lambda ids: index.update(ids, metadata=[{"site": 1}, {}])):
        with pytest.raises(KeyError, match=r"does not hold 1 of these ids: 'b'"):
            call(["a", "b"])
    assert index.get(["a"])[0].metadata == {}


def test_delete_forgets_rows_and_can_be_repeated(index):
    index.add(["a", "b", "c"], on_circle(0, 90, 180))
    index.search(on_circle(0))
    assert (index.delete(["b", "x"]), index.delete(["b", "x"])) == (1, 0)
    assert ids_of(index.search(on_circle(90), k=3)[0]) == ["a", "c"]
    assert "b" not in index
    assert "a" in index


def test_get_returns_rows_as_they_were_added(index):
    embeddings = Embeddings.of(random_unit(3), "wren-1")
    numbers = {"x": np.float32(1.5), "y": np.bool_(True), "n": np.int64(3)}
    index.add(["a", "b", "c"], embeddings, [{"n": None}, {"ü": "é"}, numbers])
    rows = index.get(["c", "a"])
    assert [row.metadata for row in rows] == [{"x": 1.5, "y": True, "n": 3}, {"n": None}]
    assert np.array_equal(rows[0].embedding, embeddings[2])
    assert rows[0].embedding.fingerprint == "wren-1"


def test_another_encoder_is_refused(index):
    index.add(["a"], Embeddings.of(on_circle(0), "wren-1"))
    other = Embeddings.of(on_circle(0), "robin-2")
    update = lambda: index.update(["a"], other)  # noqa: E731
    for call in (lambda: index.add(["b"], other), lambda: index.search(other), update):
        with pytest.raises(ValueError, match=r"encoder wren-1, received .* robin-2.*new index"):
            call()


def test_plain_arrays_are_accepted_beside_an_encoder(index):
    index.add(["a"], on_circle(0))
    index.add(["b"], Embeddings.of(on_circle(90), "wren-1"))
    index.add(["c"], on_circle(180))
    assert (index.fingerprint, len(index)) == ("wren-1", 3)


def test_another_size_is_refused(index):
    index.add(["a"], on_circle(0))
    for call in (lambda: index.add(["b"], np.eye(3)[:1]), lambda: index.search(np.eye(3))):
        with pytest.raises(ValueError, match="holds embeddings of size 2, received size 3"):
            call()


POINT, POINTS = on_circle(0), on_circle(0, 90)


@pytest.mark.parametrize(
    ("ids", "embeddings", "metadata", "error", "message"),
    [
        ("a", POINT, None, TypeError, r"received the single 'a'. Pass \['a'\]"),
        ([1], POINT, None, TypeError, r"the first is 1 \(int\)"),
        (["a", "a"], POINTS, None, ValueError, "more than once: 'a'"),
        ([""], POINT, None, ValueError, "empty or hold characters that cannot be stored"),
        (["\udce9.jpg"], POINT, None, ValueError, "lone surrogates"),
        (["a"], POINTS, None, ValueError, "received 1 ids and 2 embeddings"),
        (["a"], POINT[0], None, ValueError, r"pass embedding\[None\]"),
        (["a", "b"], [[np.nan, 1], [2, 0]], None, ValueError, "NaN.*'a'.*unit length.*'b'"),
        (["a"], POINT, [{}, {}], ValueError, "received 1 ids and 2 metadata"),
        (["a"], POINT, {"a": 1}, TypeError, "list with one dict per row"),
        (["a"], POINT, ["wren"], TypeError, r"metadata\[0\] must be a dict or None, received str"),
        (["a"], POINT, [{"x": float("nan")}], ValueError, "'x' is nan"),
        (["a"], POINT, [{"x": [1]}], ValueError, "'x' is a list"),
        (["a"], POINT, [{"x": 2**70}], ValueError, "more than 64 bits"),
        (["a"], POINT, [{'"': 1}], ValueError, "the key"),
        (["a"], POINT, [{1: 1}], ValueError, "the key 1"),
        (["a"], POINT, [{"x": "\ud800"}], ValueError, "lone surrogates"),
    ],
)
def test_bad_rows_are_refused(tmp_path, ids, embeddings, metadata, error, message):
    with EmbeddingIndex.open(tmp_path / "birds.index") as index:
        with pytest.raises(error, match=message):
            index.add(ids, embeddings, metadata)
        with pytest.raises(ValueError, match="neither embeddings nor metadata"):
            index.update(["a"])
        assert len(index) == 0


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"k": 0}, ValueError, "k must be an int of at least 1"),
        ({"k": 2.5}, ValueError, "k must be an int of at least 1"),
        ({"min_similarity": 1.5}, ValueError, r"cosine in \[-1, 1\], received 1.5"),
        ({"where": "wren"}, TypeError, "where must be a dict"),
        ({"where": {"x": {}}}, ValueError, "cannot be searched for: 'x' is a dict"),
    ],
)
def test_bad_searches_are_refused(tmp_path, options, error, message):
    with (
        EmbeddingIndex.open(tmp_path / "birds.index") as index,
        pytest.raises(error, match=message),
    ):
        index.search(on_circle(0), **options)


def test_a_closed_index_says_so(index):
    index.close()
    index.close()
    with pytest.raises(ValueError, match=r"is closed. Open it again"):
        len(index)


def test_the_log_tells_what_was_done(tmp_path):
    index = EmbeddingIndex.open(tmp_path / "birds.index")
    index.add(["a", "b"], Embeddings.of(on_circle(0, 90), "wren-1"))
    index.add(["a"], on_circle(0))
    index.update(["a"], metadata=[{"site": 1}])
    index.delete(["b", "c"])
    index.compact()
    entries = index.log()
    assert [entry.number for entry in entries] == [1, 2, 3, 4, 5]
    done = [(entry.action, entry.num_rows) for entry in entries]
    assert done == [("create", 0), ("add", 2), ("update", 1), ("delete", 1), ("compact", 1)]
    assert [entry.fingerprint for entry in entries] == [None, *["wren-1"] * 4]
    assert all(entry.time.tzinfo is not None and entry.version for entry in entries)


def test_compact_changes_no_answer(index):
    gallery = random_unit(300, size=64)
    index.add([str(row) for row in range(300)], gallery, [{"odd": row % 2} for row in range(300)])
    index.delete([str(row) for row in range(250)])
    before = index.search(gallery[255], k=60)
    assert index.compact() >= 0
    assert index.check() == []
    assert index.search(gallery[255], k=60) == before
    assert len(index.search(gallery[255], k=60, where={"odd": 1})[0]) == 25


def test_a_filter_follows_what_is_added_updated_and_deleted(index):
    index.add(["a", "b"], on_circle(0, 10), [{"site": 1}, {"site": 1}])
    assert ids_of(index.search(on_circle(0), where={"site": 1})[0]) == ["a", "b"]
    index.add(["c"], on_circle(20), [{"site": 1}])
    index.delete(["a"])
    assert ids_of(index.search(on_circle(0), where={"site": 1})[0]) == ["b", "c"]
    index.update(["b"], on_circle(180), metadata=[{"site": 2}])
    assert [row.id for row in index] == ["b", "c"]
    assert ids_of(index.search(on_circle(180), k=1)[0]) == ["b"]
    assert ids_of(index.search(on_circle(0), where={"site": 1})[0]) == ["c"]
    index.delete(["c"])
    assert ids_of(index.search(on_circle(0), where={"site": [1, 2]})[0]) == ["b"]
    assert ids_of(index.search(on_circle(0), where={"other": None})[0]) == ["b"]


actions = st.lists(
    st.tuples(
        st.sampled_from(["add", "update", "delete", "search", "compact", "reopen"]),
        st.integers(0, 5),
        st.integers(0, 350),
    ),
    max_size=25,
)


@settings(max_examples=25)
@pytest.mark.parametrize("scan", SCANS)
@given(actions=actions)
def test_any_history_leaves_what_a_dict_would_hold(tmp_path, scan, monkeypatch, actions):
    """The matrix is patched, appended to and made anew on the way."""
    compare_by(scan, monkeypatch)
    monkeypatch.setattr(sqlite_store, "FEW_CHANGES", 2)
    monkeypatch.setattr(matrix, "LEAST_ROOM", 2)
    for file in tmp_path.iterdir():
        file.unlink()
    live_through(tmp_path / "history.index", actions)


def live_through(uri: str | Path, actions: list) -> None:
    """One handle writes, another searches."""
    expected: dict[str, np.ndarray] = {}
    index, reader = EmbeddingIndex.open(uri), EmbeddingIndex.open(uri)
    for action, number, degrees in actions:
        id_, embedding = str(number), on_circle(degrees)
        if action == "add" and id_ not in expected:
            index.add([id_], embedding, [{"is_even": number % 2 == 0}])
            expected[id_] = embedding[0]
        elif action == "update" and id_ in expected:
            index.update([id_], embedding)
            expected[id_] = embedding[0]
        elif action == "delete":
            index.delete([id_])
            expected.pop(id_, None)
        elif action == "compact":
            index.compact()
        elif action == "reopen":
            reader.close()
            reader = EmbeddingIndex.open(uri)
        similarities = {id_: float(row @ embedding[0]) for id_, row in expected.items()}
        [hits] = reader.search(embedding, k=10)
        assert {hit.id: hit.similarity for hit in hits} == pytest.approx(similarities, abs=1e-6)
        [even] = reader.search(embedding, k=10, where={"is_even": True})
        assert {hit.id for hit in even} == {id_ for id_ in expected if int(id_) % 2 == 0}
    index.close()
    reader.close()
    with EmbeddingIndex.open(uri, create=False) as index:
        assert {row.id: row.embedding.tolist() for row in index} == {
            id_: row.tolist() for id_, row in expected.items()
        }
        assert [row.id for row in index] == list(expected)
        assert index.check() == []
