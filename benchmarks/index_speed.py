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
from functools import partial
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
FILTERS = {"2": {"species": "species 7"}, "15": {"site": [1, 2, 3]}, "100": {"year": 2026}}
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
    parser.add_argument("--folder", type=Path, help="of the index (default: a temporary one)")
    parser.add_argument("--json", metavar="FILE", type=Path)
    options = parser.parse_args()
    faiss.omp_set_num_threads(options.threads)
    figures: dict[str, float] = {"threads": options.threads}
    for num in options.sizes:
        with (
            tempfile.TemporaryDirectory(dir=options.folder) as name,
            threadpool_limits(options.threads),
        ):
            measured = measure(Path(name), num, options.threads, options.turns)
            if options.approximate:
                measured |= measure_approximate(Path(name) / "grouped.index", num)
        for key in ("bulk_rows_per_second", "bulk_random_rows_per_second"):
            figures[key] = measured[key]
        figures |= {f"{key}_{NAMES.get(num, num)}": value for key, value in measured.items()}
        print(f"{num} embeddings")
        for key, value in measured.items():
            print(f"  {key:<48}{value:>12.4g}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1), encoding="utf-8")


def measure(folder: Path, num: int, threads: int, turns: int) -> dict[str, float]:
    """Seconds and bytes of an index of so many rows, made in this folder."""
    path, vectors, queries = folder / "birds.index", unit_vectors(num, 0), unit_vectors(1024, 1)
    np.save(folder / "queries.npy", queries)
    figures = {
        "bulk_random_rows_per_second": load(folder / "random.index", vectors, in_order=False),
        "bulk_rows_per_second": load(path, vectors, in_order=True),
    }
    with EmbeddingIndex.open(path) as index:  # the first search makes the matrix
        figures["first_search_after_load_seconds"] = seconds(index.search, queries[0])
    alone = np.array([search_alone(path, folder / "queries.npy", threads) for _ in range(3)])
    figures["open_seconds"], figures["first_answer_seconds"], _ = np.median(alone, axis=0).tolist()
    figures["memory_ratio"] = float(alone[:, 2].max()) / vectors.nbytes
    with EmbeddingIndex.open(path) as index:
        flat = faiss.IndexFlatIP(SIZE)
        flat.add(vectors)
        del vectors
        for name, num_queries in (("single", 1), ("batch", BATCH)):
            some = [queries[7 * turn : 7 * turn + num_queries] for turn in range(turns)]
            ours, theirs = in_turns(
                partial(index.search, k=K), lambda some: flat.search(some, K), some
            )
            figures[f"{name}_milliseconds_per_query"] = 1000 * ours / num_queries
            figures[f"faiss_{name}_milliseconds_per_query"] = 1000 * theirs / num_queries
            figures[f"{name}_ratio"] = ours / theirs
        for name, where in FILTERS.items():
            first = seconds(index.search, queries[0], where=where)  # reads the key of all rows
            figures.setdefault("first_filter_by_a_key_seconds", first)
            some = [seconds(index.search, query, k=K, where=where) for query in queries[:7]]
            figures[f"filter_{name}_percent_milliseconds"] = 1000 * median(some)
    figures["search_ratio"] = max(figures["single_ratio"], figures["batch_ratio"])
    return figures


def measure_approximate(path: Path, num: int) -> dict[str, float]:
    """Of rows that lie in groups, as embeddings of individuals do; on random ones nothing can be left out."""
    rng = np.random.default_rng(2)
    vectors = unit_vectors(num // 100 + 1, 2)[rng.integers(num // 100 + 1, size=num + 200)]
    vectors += 0.6 / np.sqrt(SIZE) * rng.standard_normal(vectors.shape, dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    queries, vectors = vectors[:200], vectors[200:]
    load(path, vectors, in_order=True)
    with EmbeddingIndex.open(path) as index:
        index.search(queries[0])
        started = time.perf_counter()
        told = index.build_approximate(target_recall=0.99)
        if told is None:
            return {}
        built = time.perf_counter() - started
        approximate = partial(index.search, k=K, approximate=True)
        approximate(queries[0])
        near, exact = in_turns(
            approximate, partial(index.search, k=K), list(queries[:, np.newaxis])
        )
        answers = zip(index.search(queries, k=K), approximate(queries), strict=True)
        shares = [len({hit.id for hit in a} & {hit.id for hit in b}) / K for a, b in answers]
    return {
        "approximate_build_seconds": built,
        "approximate_share_of_groups_searched": told.num_probes / told.num_lists,
        "approximate_recall_at_10_told": told.recall_at_10,
        "approximate_recall_at_10_of_new_queries": float(np.mean(shares)),
        "approximate_single_milliseconds_per_query": 1000 * near,
        "exact_single_milliseconds_per_query": 1000 * exact,
    }


def unit_vectors(num: int, seed: int) -> np.ndarray:
    """float32 [num, SIZE], each of unit length, in any direction."""
    vectors = np.random.default_rng(seed).standard_normal((num, SIZE), dtype=np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def load(path: Path, vectors: np.ndarray, *, in_order: bool) -> float:
    """Rows per second of adding all of them, each batch on disk before the next."""
    total = 0.0
    with EmbeddingIndex.open(path) as index:
        for start in range(0, len(vectors), ROWS_AT_ONCE):
            rows = range(start, min(start + ROWS_AT_ONCE, len(vectors)))
            folders = [row // 1000 if in_order else row % 997 for row in rows]
            ids = [f"photos/{at:04d}/{row:07d}.jpg" for at, row in zip(folders, rows, strict=True)]
            metadata = [
                {"species": f"species {row % 50}", "site": row % 20, "year": 2026} for row in rows
            ]
            total += seconds(index.add, ids, vectors[start : rows.stop], metadata)
        total += seconds(index.close)
    return len(vectors) / total


def search_alone(path: Path, queries: Path, threads: int) -> list[float]:
    """Seconds to open, seconds to the first answer, and bytes held at most, of a process of its own."""
    limits = {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    told = subprocess.run(
        [sys.executable, "-c", SEARCHER, str(path), str(queries)],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).resolve().parents[1],
        env=os.environ | limits,
    )
    return json.loads(told.stdout)


def in_turns(
    ours: Callable[[np.ndarray], object],
    theirs: Callable[[np.ndarray], object],
    questions: list[np.ndarray],
) -> tuple[float, float]:
    """Median seconds of both ways, which take turns on the same questions."""
    told = [(seconds(ours, some), seconds(theirs, some)) for some in questions]
    return median(ours for ours, _ in told), median(theirs for _, theirs in told)


def seconds(run: Callable[..., object], *arguments: object, **options: object) -> float:
    """How long the call takes."""
    start = time.perf_counter()
    run(*arguments, **options)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
