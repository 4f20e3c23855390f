"""What is particular to an index on Milvus: the answers of the embedded one, and calls that stop midway."""

import itertools
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from inference.embeddings import Embeddings
from inference.index import EmbeddingIndex
from inference.index.milvus import ledger, search, table, turn
from inference.index.milvus.connection import MilvusError

pytest.importorskip("pymilvus")

VALUES = [
    None,
    0,
    1,
    2,
    2.0,
    -0.0,
    0.5,
    True,
    False,
    "",
    "2",
    "wren",
    "Zaunkönig \"'\\",
    2**53 + 1,
    -7,
]
KEYS = ["species", "site é", "dotted.name", "is adult"]
WHERES = [
    {},
    {"species": "wren"},
    {"species": ["wren", 2, None]},
    {"site é": 1},
    {"site é": [False, 0.5]},
    {"dotted.name": None},
    {"dotted.name": ["", "2", 2**53 + 1]},
    {"is adult": True, "species": [None, 0, "Zaunkönig \"'\\"]},
    {"is adult": float(2**53)},
    {"nowhere": None},
    {"nowhere": []},
]


@pytest.fixture
def index(milvus_uri: str) -> Iterator[EmbeddingIndex]:
    with EmbeddingIndex.open(milvus_uri) as index:
        yield index


def random_embeddings(rng: np.random.Generator, num: int, size: int = 2) -> np.ndarray:
    vectors = rng.standard_normal((num, size))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def random_metadata(rng: np.random.Generator) -> dict:
    keys = rng.choice(KEYS, rng.integers(0, 4), replace=False)
    return {str(key): VALUES[rng.integers(len(VALUES))] for key in keys}


def rows_of(index: EmbeddingIndex) -> list:
    return [
        (row.id, row.embedding.tobytes(), row.metadata, [type(v) for v in row.metadata.values()])
        for row in index
    ]


@pytest.mark.parametrize("seed", range(3))
def test_every_answer_is_that_of_the_embedded_store(
    index: EmbeddingIndex, tmp_path: Path, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    with EmbeddingIndex.open(tmp_path / "embedded.index") as embedded:
        for step in range(4):
            ids = [f"{step} é{row}'\"\\" for row in range(rng.integers(1, 60))]
            vectors = random_embeddings(rng, len(ids))
            vectors[len(ids) // 2 :] = vectors[0]  # many that are equally near
            metadata = [random_metadata(rng) for _ in ids]
            there = [row.id for row in embedded]
            some = [str(id_) for id_ in rng.choice(there, len(there) // 4, replace=False)]
            others = [id_ for id_ in there if id_ not in some][:7]
            vectors_of_others = random_embeddings(rng, len(others)) if step % 2 else None
            for one in (embedded, index):
                one.add(ids, Embeddings.of(vectors, "wren-1"), metadata)
                one.update(others, vectors_of_others, metadata[:1] * len(others))
                one.delete(some)
        queries = np.concatenate([random_embeddings(rng, 5), vectors[:2]])
        assert rows_of(index) == rows_of(embedded)
        assert index.get(others) is not None
        for where, k, least in itertools.product(WHERES, (1, 7, 1000), (None, 0.4)):
            options = {"k": k, "where": where, "min_similarity": least}
            assert index.search(queries, **options) == embedded.search(queries, **options)
            assert index.count(where) == embedded.count(where)
        assert [(e.action, e.num_rows) for e in index.log()] == [
            (e.action, e.num_rows) for e in embedded.log()
        ]


@pytest.mark.parametrize("most_results", [40, 4])
def test_equals_beyond_what_milvus_gives_are_read_and_ranked_here(
    index: EmbeddingIndex, monkeypatch: pytest.MonkeyPatch, most_results: int
) -> None:
    monkeypatch.setattr(search, "MOST_RESULTS", most_results)
    monkeypatch.setattr(table, "POSITIONS_AT_ONCE", 17)
    twins = np.repeat(random_embeddings(np.random.default_rng(0), 2), 50, axis=0)
    index.add([str(row) for row in range(100)], twins)
    [hits] = index.search(twins[60], k=10)
    assert [hit.id for hit in hits] == [str(row) for row in range(50, 60)]
    assert len(index.search(twins[0], k=100)[0]) == 100


def test_rows_are_written_and_read_in_steps(
    index: EmbeddingIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    for limit in ("ROWS_AT_ONCE", "NUMBERS_AT_ONCE", "POSITIONS_AT_ONCE"):
        monkeypatch.setattr(table, limit, 7)
    ids, vectors = [str(row) for row in range(50)], random_embeddings(np.random.default_rng(0), 50)
    index.add(ids[:30], vectors[:30])
    assert index.add(ids, vectors) == 20
    assert [row.id for row in index.get(ids[::-1])] == ids[::-1]
    assert (index.delete(ids[:45]), [row.id for row in index], index.check()) == (45, ids[45:], [])


class KilledError(BaseException):
    """Stands for a process that ends in the middle."""


class MortalClient:
    """A client whose process is killed after the n-th call that changes something."""

    CHANGES = ("insert", "delete", "alter_collection_properties", "rename_collection")

    def __init__(self, client: object, num_calls: int) -> None:
        self._client, self.num_left = client, num_calls

    def __getattr__(self, name: str) -> object:
        call = getattr(self._client, name)
        return partial(self._change, call) if name in self.CHANGES else call

    def _change(self, call: Callable, *arguments: object, **options: object) -> object:
        self.num_left -= 1
        done = call(*arguments, **options) if self.num_left >= 0 else None
        if self.num_left <= 0:
            raise KilledError
        return done


CALLS = {
    "add": lambda index: index.add(["c", "d"], [[0, 1], [0, 1]], [{"n": 3}, {}]),
    "update": lambda index: index.update(["a", "b"], [[0, 1], [0, 1]], [{}, {"n": 9}]),
    "delete": lambda index: index.delete(["a", "b"]),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_call_that_is_killed_anywhere_has_done_all_or_nothing(
    milvus_uri: str, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    monkeypatch.setattr(ledger, "SECONDS_TO_WAIT", 0.02)
    for num_calls in itertools.count(1):
        with EmbeddingIndex.open(milvus_uri) as index:
            index.delete([row.id for row in index])
            index.add(["a", "b"], [[1, 0], [1, 0]], [{"n": 1}, {"n": 2}])
            before = rows_of(index)
        killed = EmbeddingIndex.open(milvus_uri)
        connection = killed._store._connection  # type: ignore[attr-defined]
        connection._client = MortalClient(connection.client, num_calls)
        with suppress(KilledError):
            CALLS[call](killed)
        is_through = connection._client.num_left > 0
        with EmbeddingIndex.open(milvus_uri) as index:
            seen = rows_of(index)
            [hits] = index.search([0, 1], k=9)
            assert sorted(hit.id for hit in hits) == sorted(row[0] for row in seen)
            index.add(["later"], [[1, 0]])
            index.delete(["later"])
            assert rows_of(index) == seen
            assert index.check() == []
            if seen == before:
                CALLS[call](index)
            assert (rows_of(index) != before, index.check()) == (True, [])
        killed.close()
        if is_through:
            break
    assert num_calls >= 5


def test_a_call_that_fails_midway_leaves_nothing_and_can_be_repeated(
    index: EmbeddingIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add(["a"], [[1, 0]])
    with monkeypatch.context() as broken:
        broken.setattr(table, "ROWS_AT_ONCE", 1)
        broken.setattr(
            index._store._connection.client,  # type: ignore[attr-defined]
            "insert",
            failing_after(1, index._store._connection.client.insert),  # type: ignore[attr-defined]
        )
        with pytest.raises(MilvusError, match="out of memory"):
            index.add(["b", "c"], [[1, 0], [0, 1]])
    assert ([row.id for row in index], index.check()) == (["a"], [])
    assert index.add(["b", "c"], [[1, 0], [0, 1]]) == 2
    assert ([row.id for row in index], index.check()) == (["a", "b", "c"], [])


def test_a_call_that_can_not_even_be_given_up_never_counts(
    index: EmbeddingIndex, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.add(["a"], [[1, 0]])
    client = index._store._connection.client  # type: ignore[attr-defined]
    with monkeypatch.context() as broken:
        broken.setattr(table, "ROWS_AT_ONCE", 1)
        for name, num_calls in (("insert", 1), ("alter_collection_properties", 0)):
            broken.setattr(client, name, failing_after(num_calls, getattr(client, name)))
        with pytest.raises(MilvusError, match="out of memory"):
            index.add(["b", "c"], [[1, 0], [0, 1]])
    monkeypatch.setattr(ledger, "SECONDS_TO_WAIT", 0.05)
    assert index.add(["d"], [[1, 0]]) == 1
    assert ([row.id for row in index], index.check()) == (["a", "d"], [])
    assert [hit.id for hit in index.search([1, 0])[0]] == ["a", "d"]


def failing_after(num_calls: int, call: Callable) -> Callable:
    from pymilvus.exceptions import MilvusException

    left = [num_calls]

    def fail(*arguments: object, **options: object) -> object:
        left[0] -= 1
        if left[0] < 0:
            raise MilvusException(message="out of memory")
        return call(*arguments, **options)

    return fail


def test_two_writers_take_turns(milvus_uri: str) -> None:
    EmbeddingIndex.open(milvus_uri).close()

    def write(name: str) -> None:
        with EmbeddingIndex.open(milvus_uri) as index:
            for number in range(8):
                index.add([f"{name}{number}"], [[0.6, 0.8]])

    with EmbeddingIndex.open(milvus_uri) as index:
        in_threads(write, "ab")
        expected = {f"{name}{number}" for name in "ab" for number in range(8)}
        assert {row.id for row in index} == expected
        assert (len(index.log()), index.check()) == (17, [])


def test_several_that_start_an_index_at_once_start_one(milvus_uri: str) -> None:
    uri = milvus_uri.replace("/birds", "/together")

    def write(name: str) -> None:
        with EmbeddingIndex.open(uri) as index:
            index.add([name], [[0.6, 0.8]])

    in_threads(write, "abcd")
    with EmbeddingIndex.open(uri, create=False) as index:
        assert {row.id for row in index} == set("abcd")
        names = index._store._connection.client.list_collections()  # type: ignore[attr-defined]
        name = index._store._address.collection  # type: ignore[attr-defined]
        assert len([some for some in names if some.startswith(f"{name}_state_")]) == 1


def test_threads_share_one_index(index: EmbeddingIndex) -> None:
    def use(name: str) -> None:
        for number in range(3):
            index.add([f"{name}{number}"], [[0.6, 0.8]])
            index.update([f"{name}{number}"], metadata=[{"by": name}])
            assert name in {hit.metadata.get("by") for hit in index.search([0.6, 0.8], k=99)[0]}

    in_threads(use, "abc")
    assert (len(index), index.check()) == (9, [])


def in_threads(work: Callable[[str], None], names: str) -> None:
    with ThreadPoolExecutor(len(names)) as pool:
        for _ in pool.map(work, names):
            pass


def test_a_writer_whose_turn_was_taken_writes_nothing(
    milvus_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "SECONDS_TO_WAIT", 0.1)
    with EmbeddingIndex.open(milvus_uri) as slow, EmbeddingIndex.open(milvus_uri) as other:
        other.add(["a"], [[1, 0]])
        insert = slow._store._connection.client.insert  # type: ignore[attr-defined]

        def insert_late(*arguments: object, **options: object) -> object:
            other.update(["a"], metadata=[{"by": "other"}])
            return insert(*arguments, **options)

        monkeypatch.setattr(slow._store._connection.client, "insert", insert_late)  # type: ignore[attr-defined]
        with pytest.raises(MilvusError, match=r"taken over writing .* Nothing of this call was"):
            slow.add(["b"], [[0, 1]])
        assert [(row.id, row.metadata) for row in other] == [("a", {"by": "other"})]
        assert other.search([0, 1])[0][0].id == "a"
        assert other.check() == []


def test_a_writer_that_waits_too_long_is_told(
    milvus_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "SECONDS_TO_WAIT", 0.3)
    monkeypatch.setattr(turn, "SECONDS_BETWEEN_BEATS", 0.0)
    with EmbeddingIndex.open(milvus_uri) as busy, EmbeddingIndex.open(milvus_uri) as other:
        is_done = threading.Event()

        def write_on() -> None:
            with busy._store._ledger.turn() as taken:  # type: ignore[attr-defined]
                while not is_done.wait(0.02):
                    taken.beat()

        writer = threading.Thread(target=write_on)
        writer.start()
        time.sleep(0.1)
        with pytest.raises(TimeoutError, match=r"Others have been writing .* Nothing of this call"):
            other.add(["a"], [[1, 0]])
        is_done.set()
        writer.join()
        assert other.add(["a"], [[1, 0]]) == 1


def test_readers_see_whole_batches_while_another_writes(milvus_uri: str) -> None:
    with EmbeddingIndex.open(milvus_uri) as index, EmbeddingIndex.open(milvus_uri) as reader:
        index.add([f"0-{row}" for row in range(5)], [[0.6, 0.8]] * 5, [{"step": 0}] * 5)
        faults: list[str] = []
        is_done = threading.Event()

        def read() -> None:
            while not is_done.is_set():
                [hits] = reader.search([1, 0], k=1000)
                if len(hits) % 5 or len({hit.id for hit in hits}) != len(hits):
                    faults.append(f"{len(hits)} hits")
                if len({hit.metadata["step"] for hit in hits if hit.id.startswith("0-")}) != 1:
                    faults.append("an update was seen in part")

        thread = threading.Thread(target=read)
        thread.start()
        for step in range(1, 8):
            index.add([f"{step}-{row}" for row in range(5)], [[0.6, 0.8]] * 5, [{"step": 0}] * 5)
            index.update([f"0-{row}" for row in range(5)], metadata=[{"step": step}] * 5)
            if step % 3 == 0:
                index.delete([f"{step}-{row}" for row in range(5)])
        is_done.set()
        thread.join()
        assert faults == []


WRITER = """
import itertools, sys
from inference.index import EmbeddingIndex
with EmbeddingIndex.open(sys.argv[1]) as index:
    for number in itertools.count():
        index.add([f"{sys.argv[2]}-{number}-{row}" for row in range(5)], [[0.6, 0.8]] * 5)
        print(number, flush=True)
"""


def test_a_process_that_is_killed_loses_no_acknowledged_row(
    milvus_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger, "SECONDS_TO_WAIT", 0.3)
    for run, num_seconds in enumerate((0.05, 0.2)):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, milvus_uri, str(run)], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout is not None
            told = [writer.stdout.readline()]
            time.sleep(num_seconds)
            writer.kill()
            told += writer.stdout.read().split("\n")
        acknowledged = [int(line) for line in told if line.strip()]
        with EmbeddingIndex.open(milvus_uri, create=False) as index:
            ids = [row.id for row in index if row.id.startswith(f"{run}-")]
            assert len(ids) in (5 * len(acknowledged), 5 * len(acknowledged) + 5)
            index.add([f"after {run}"], [[1, 0]])
            assert index.check() == []
