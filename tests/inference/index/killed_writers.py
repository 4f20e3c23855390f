"""Writers that are killed while they write, 200 times; prints what was lost or torn (nothing, it is hoped).

python killed_writers.py INDEX NUM_KILLS

One process loads everything and forks the writers, so that a kill costs milliseconds, not imports. A writer
does what its number says, and tells after each call that it was acknowledged; so what must be there is known.
"""

import json
import os
import random
import signal
import sys
import time

import numpy as np

from inference.index import EmbeddingIndex

SIZE = 16
LONGEST_SECONDS = 0.03
Rows = dict[str, tuple[bytes, dict]]


def unit_rows(rng: np.random.Generator, num: int) -> np.ndarray:
    vectors = rng.standard_normal((num, SIZE))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def step(run: int, number: int, rows: Rows, index: EmbeddingIndex | None) -> Rows:
    """The rows of this run after one more call; on the index too, if it is given."""
    rng = np.random.default_rng([run, number])
    action = rng.choice(["add", "add", "add", "update", "delete"]) if rows else "add"
    ids = sorted(rows)
    if action == "add":
        ids = [f"{run}-{number}-{row}" for row in range(rng.integers(1, 40))]
    else:
        ids = [str(id_) for id_ in rng.choice(ids, min(len(ids), 7), replace=False)]
    vectors, metadata = unit_rows(rng, len(ids)), [{"run": run, "step": number} for _ in ids]
    written = {id_: (v.tobytes(), m) for id_, v, m in zip(ids, vectors, metadata, strict=True)}
    if index is not None:
        if action == "delete":
            index.delete(ids)
        elif action == "update":
            index.update(ids, vectors, metadata)
        else:
            index.add(ids, vectors, metadata)
    if action == "delete":
        return {id_: row for id_, row in rows.items() if id_ not in ids}
    return rows | written


def write_until_killed(path: str, run: int, acknowledge: int) -> None:
    rows: Rows = {}
    with EmbeddingIndex.open(path) as index:
        for number in range(100_000):
            rows = step(run, number, rows, index)
            os.write(acknowledge, b".")
            if number % 2:
                index.search(np.eye(SIZE)[0], k=1)  # writes the matrix


def kill_one(path: str, run: int, rng: random.Random) -> int:
    """How many calls of the writer were acknowledged."""
    reading, writing = os.pipe()
    writer = os.fork()
    if writer == 0:
        os.close(reading)
        write_until_killed(path, run, writing)
        os._exit(1)
    os.close(writing)
    first = os.read(reading, 1) if rng.random() < 0.9 else b""  # some die while they open
    time.sleep(rng.uniform(0, LONGEST_SECONDS))
    os.kill(writer, signal.SIGKILL)
    os.waitpid(writer, 0)
    acknowledged = len(first)
    while more := os.read(reading, 4096):
        acknowledged += len(more)
    os.close(reading)
    return acknowledged


def rows_in(index: EmbeddingIndex, run: int) -> Rows:
    """What a search finds of a run, with the embeddings that the file holds."""
    [hits] = index.search(np.eye(SIZE)[0], k=100_000, where={"run": run})
    rows = index.get([hit.id for hit in hits])
    for hit, row in zip(hits, rows, strict=True):
        if not np.isclose(hit.similarity, row.embedding[0], atol=1e-6):
            raise ValueError(f"{hit.id}: the matrix holds another embedding than the file")
    return {row.id: (row.embedding.tobytes(), row.metadata) for row in rows}


def main() -> None:
    path, num_kills = sys.argv[1], int(sys.argv[2])
    rng = random.Random(0)
    expected: Rows = {}
    wrong, num_acknowledged = [], 0
    for run in range(num_kills):
        acknowledged = kill_one(path, run, rng)
        num_acknowledged += acknowledged
        before: Rows = {}
        for number in range(acknowledged):
            before = step(run, number, before, None)
        after = step(run, acknowledged, before, None)  # may have been written without being told
        with EmbeddingIndex.open(path) as index:
            found = rows_in(index, run)
        if found != before and found != after:
            wrong.append({"run": run, "acknowledged": acknowledged, "rows": len(found)})
        expected |= found
    with EmbeddingIndex.open(path) as index:
        everything = {row.id: (row.embedding.tobytes(), row.metadata) for row in index}
        faults = index.check()
    told = {
        "num_kills": num_kills,
        "num_acknowledged": num_acknowledged,
        "num_rows": len(everything),
        "wrong": wrong,
        "is_as_expected": everything == expected,
        "faults": faults,
    }
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
