"""How fast and how large the index is, against faiss alone: 10 k, 100 k and 1 M embeddings of 128 numbers.

python benchmarks/index_speed.py [--sizes 10000 100000 1000000] [--threads 1] [--json FILE] [--folder DIR]

Each size is loaded in batches of 10,000 rows with metadata (three keys), each batch durable (fsync) before
the next; then opened and searched in a process of its own. `IndexFlatIP` is faiss alone on the same vectors;
both take turns, on the same number of threads, and the median of the turns counts.

- `search_ratio_<size>`: the worse of single queries and batches of 256, k = 10, seconds of ours / of faiss
- `memory_ratio_<size>`: the most memory that the process held at once (VmHWM: everything, the mapped matrix
  included) after opening and searching single queries and a batch / the bytes of the vectors
- `open_seconds_<size>`: `EmbeddingIndex.open`; `first_answer_seconds_<size>`: opening and the first answer,
  in which all checksums of the matrix are compared
- `bulk_rows_per_second`: of the largest size, with ids as a walk through folders gives them;
  `bulk_random_rows_per_second`: with ids in no order, where each batch touches the whole index of ids
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import faiss
import numpy as np
from threadpoolctl import threadpool_limits

from inference.index import EmbeddingIndex

SIZE = 128
ROWS_AT_ONCE = 10_000
K = 10
BATCH = 256
NAMES = {10_000: "10k", 100_000: "100k", 1_000_000: "1m"}
SEARCHER = """
import json, sys, time
import numpy as np
start = time.perf_counter()
from inference.index import EmbeddingIndex
imported = time.perf_counter()
index = EmbeddingIndex.open(sys.argv[1], create=False)
opened = time.perf_counter()
queries = np.load(sys.argv[2])
before = time.perf_counter()
index.search(queries[0], k=10)
answered = time.perf_counter()
for query in queries[:20]:
    index.search(query, k=10)
index.search(queries[:256], k=10)
with open("/proc/self/status") as lines:
    (peak,) = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
print(json.dumps([opened - imported, opened - imported + answered - before, peak * 1024]))
"""


def main() -> None:
    """Prints one table: a row for each size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=list(NAMES))
    parser.add_argument("--threads", type=int, default=1, help="of both ways")
    parser.add_argument("--turns", type=int, default=15, help="of each measurement")
    parser.add_argument("--approximate", action="store_true", help="build and measure it too")
    parser.add_argument(
        "--folder", type=Path, help="where the index is made (default: a temporary one)"
    )
    parser.add_argument("--json", metavar="FILE", type=Path)
    options = parser.parse_args()
    figures: dict[str, float] = {"threads": options.threads}
    for num in options.sizes:
        with tempfile.TemporaryDirectory(dir=options.folder) as folder:
            measured = measure(Path(folder), num, options.threads, options.turns)
            if options.approximate:
                measured |= measure_approximate(
                    Path(folder) / "grouped.index", num, options.threads
                )
        for key in ("bulk_rows_per_second", "bulk_random_rows_per_second"):
            figures[key] = measured[key]
        name = NAMES.get(num, str(num))
        figures |= {f"{key}_{name}": value for key, value in measured.items()}
        print_table(num, measured)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


def measure(folder: Path, num: int, threads: int, turns: int) -> dict[str, float]:
    """Seconds and bytes of an index of so many rows, made in this folder."""
    path, vectors = folder / "birds.index", unit_vectors(num, seed=0)
    queries = unit_vectors(1024, seed=1)
    np.save(folder / "queries.npy", queries)
    random_rows_per_second = load(folder / "random.index", vectors, in_order=False)
    (folder / "random.index").unlink()
    rows_per_second = load(path, vectors, in_order=True)
    started = time.perf_counter()
    with EmbeddingIndex.open(path) as index:
        index.search(queries[0])  # makes the matrix
    first_after_load = time.perf_counter() - started
    alone = [search_alone(path, folder / "queries.npy", threads) for _ in range(3)]
    figures = {
        "bulk_rows_per_second": rows_per_second,
        "bulk_random_rows_per_second": random_rows_per_second,
        "first_search_after_load_seconds": first_after_load,
        "open_seconds": median(told[0] for told in alone),
        "first_answer_seconds": median(told[1] for told in alone),
        "memory_ratio": max(told[2] for told in alone) / vectors.nbytes,
    }
    faiss.omp_set_num_threads(threads)
    with threadpool_limits(threads), EmbeddingIndex.open(path) as index:
        flat = faiss.IndexFlatIP(SIZE)
        flat.add(vectors)
        del vectors
        for name, num_queries in (("single", 1), ("batch", BATCH)):
            ours, theirs = in_turns(
                lambda some: index.search(some, k=K),
                lambda some: flat.search(some, K),
                [queries[turn * 7 : turn * 7 + num_queries] for turn in range(turns)],
            )
            figures[f"{name}_milliseconds_per_query"] = 1000 * ours / num_queries
            figures[f"faiss_{name}_milliseconds_per_query"] = 1000 * theirs / num_queries
            figures[f"{name}_ratio"] = ours / theirs
        filters = ({"species": "species 7"}, {"site": [1, 2, 3]}, {"year": 2026})
        figures["first_filter_by_a_key_seconds"] = _seconds(
            index.search, queries[0], where={"species": "species 7"}
        )
        index.search(queries[0], where={"site": 1, "year": 2026})  # reads these keys too
        for name, where in zip(("2", "15", "100"), filters, strict=True):
            seconds = [_seconds(index.search, query, k=K, where=where) for query in queries[:7]]
            figures[f"filter_{name}_percent_milliseconds"] = 1000 * median(seconds)
    figures["search_ratio"] = max(figures["single_ratio"], figures["batch_ratio"])
    return figures


def measure_approximate(path: Path, num: int, threads: int) -> dict[str, float]:
    """Of rows that lie in groups, as embeddings of individuals do; on random ones nothing can be left out."""
    vectors = grouped_vectors(num + 200, seed=2)
    queries, vectors = vectors[:200], vectors[200:]
    load(path, vectors, in_order=True)
    faiss.omp_set_num_threads(threads)
    with threadpool_limits(threads), EmbeddingIndex.open(path) as index:
        index.search(queries[0])
        started = time.perf_counter()
        told = index.build_approximate(target_recall=0.99)
        if told is None:
            return {}
        built = time.perf_counter() - started
        index.search(queries[0], approximate=True)
        near, all_ = in_turns(
            lambda some: index.search(some, k=K, approximate=True),
            lambda some: index.search(some, k=K),
            list(queries[:, np.newaxis]),
        )
        exact = index.search(queries, k=K)
        found = index.search(queries, k=K, approximate=True)
    shares = [
        len({hit.id for hit in right} & {hit.id for hit in some}) / K
        for right, some in zip(exact, found, strict=True)
    ]
    return {
        "approximate_build_seconds": built,
        "approximate_share_of_groups_searched": told.num_probes / told.num_lists,
        "approximate_recall_at_10_told": told.recall_at_10,
        "approximate_recall_at_10_of_new_queries": float(np.mean(shares)),
        "approximate_single_milliseconds_per_query": 1000 * near,
        "exact_single_milliseconds_per_query": 1000 * all_,
    }


def grouped_vectors(num: int, seed: int) -> np.ndarray:
    """float32 [num, 128] of unit length, about a hundred around each of num / 100 centres."""
    rng = np.random.default_rng(seed)
    vectors = unit_vectors(num // 100 + 1, seed)[rng.integers(num // 100 + 1, size=num)]
    vectors += 0.6 / np.sqrt(SIZE) * rng.standard_normal(vectors.shape, dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def unit_vectors(num: int, seed: int) -> np.ndarray:
    """float32 [num, 128], each of unit length, in any direction."""
    vectors = np.random.default_rng(seed).standard_normal((num, SIZE), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def load(path: Path, vectors: np.ndarray, *, in_order: bool) -> float:
    """Rows per second of adding all of them, each batch on disk before the next."""
    seconds = 0.0
    with EmbeddingIndex.open(path) as index:
        for start in range(0, len(vectors), ROWS_AT_ONCE):
            rows = range(start, min(start + ROWS_AT_ONCE, len(vectors)))
            folders = [row // 1000 if in_order else row % 997 for row in rows]
            ids = [f"photos/{at:04d}/{row:07d}.jpg" for at, row in zip(folders, rows, strict=True)]
            metadata = [
                {"species": f"species {row % 50}", "site": row % 20, "year": 2026} for row in rows
            ]
            seconds += _seconds(index.add, ids, vectors[start : rows.stop], metadata)
        seconds += _seconds(index.close)
    return len(vectors) / seconds


def search_alone(path: Path, queries: Path, threads: int) -> list[float]:
    """Seconds to open, seconds to the first answer, and bytes held at most, of a process of its own."""
    limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    root = Path(__file__).resolve().parents[1]
    told = subprocess.run(
        [sys.executable, "-c", SEARCHER, str(path), str(queries)],
        capture_output=True,
        text=True,
        check=True,
        cwd=root,
        env=os.environ | limits,
    )
    return json.loads(told.stdout)


def in_turns(
    ours: Callable[[np.ndarray], object],
    theirs: Callable[[np.ndarray], object],
    questions: list[np.ndarray],
) -> tuple[float, float]:
    """Median seconds of both ways, which take turns on the same questions."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for some in questions:
        for way, told in zip((ours, theirs), seconds, strict=True):
            told.append(_seconds(way, some))
    return median(seconds[0]), median(seconds[1])


def print_table(num: int, measured: dict[str, float]) -> None:
    """What was measured of one size."""
    print(f"{num} embeddings")
    for name, value in measured.items():
        print(f"  {name:<48}{value:>12.4g}")


def _seconds(run: Callable[..., object], *arguments: object, **options: object) -> float:
    start = time.perf_counter()
    run(*arguments, **options)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
