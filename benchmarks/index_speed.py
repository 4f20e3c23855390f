"""How fast and how large the index is, against faiss alone: 10 k, 100 k and 1 M embeddings of 128 numbers.

python benchmarks/index_speed.py [--sizes 10000 100000 1000000] [--threads 1] [--approximate] [--json FILE]

Each size is loaded in batches of 10,000 rows with metadata (three keys), each batch durable (fsync) before
the next; then opened and searched in a process of its own. `IndexFlatIP` is faiss alone on the same vectors;
both take turns on the same number of threads, medians count. Keys end with the size (`_10k`, `_100k`, `_1m`).

- `search_ratio`: the worse of single queries and batches of 256, k = 10, seconds of ours / of faiss
- `memory_ratio`: the most memory that the process held (VmHWM, the mapped matrix included) after opening and
  searching single queries and a batch / the bytes of the vectors
- `open_seconds`: `EmbeddingIndex.open`; `first_answer_seconds`: opening and the first answer, in which all
  checksums of the matrix are compared
- `bulk_rows_per_second`: with ids as a walk through folders gives them; `bulk_random_rows_per_second`: with
  ids in no order, where each batch touches the whole index of ids. Without a size they are the largest's.
"""

import tempfile
import time
from functools import partial
from pathlib import Path
from statistics import median

import common
import numpy as np
from common import Figures, alone, in_turns, random_vectors, seconds, unit_length
from threadpoolctl import threadpool_limits

from inference.index import EmbeddingIndex

ROWS_AT_ONCE = 10_000
BATCH = 256
NAMES = {10_000: "10k", 100_000: "100k", 1_000_000: "1m"}


def main() -> None:
    """Measures each size."""
    options = common.read_options(
        __doc__, sizes=tuple(NAMES), threads=1, turns=15, approximate=False, folder=Path
    )
    figures: Figures = {"threads": options.threads}
    for num in options.sizes:
        with (
            tempfile.TemporaryDirectory(dir=options.folder) as name,
            threadpool_limits(options.threads),
        ):
            measured = measure(Path(name), num, options.threads, options.turns)
            if options.approximate:
                measured |= measure_approximate(Path(name) / "grouped.index", num)
        figures |= {f"{key}_{NAMES.get(num, num)}": value for key, value in measured.items()}
        figures |= {key: value for key, value in measured.items() if key.startswith("bulk")}
    common.report(options.json, figures)


def measure(folder: Path, num: int, threads: int, turns: int) -> Figures:
    """Seconds and bytes of an index of so many rows, made in this folder."""
    import faiss  # not where memory is measured

    path, vectors, queries = folder / "birds.index", random_vectors(num, 0), random_vectors(1024, 1)
    figures = {
        "bulk_random_rows_per_second": load(folder / "random.index", vectors, in_order=False),
        "bulk_rows_per_second": load(path, vectors, in_order=True),
    }
    with EmbeddingIndex.open(path) as index:  # the first search makes the matrix
        figures["first_search_after_load_seconds"] = seconds(index.search, queries[0])
    several = [alone(search_alone, path, queries, threads) for _ in range(3)]
    for key in ("open_seconds", "first_answer_seconds"):
        figures[key] = median(one[key] for one in several)
    figures["memory_ratio"] = max(one["peak_bytes"] for one in several) / vectors.nbytes
    with EmbeddingIndex.open(path) as index:
        faiss.omp_set_num_threads(threads)
        flat = faiss.IndexFlatIP(vectors.shape[1])
        flat.add(vectors)
        del vectors
        ways = (partial(index.search, k=10), partial(flat.search, k=10))
        for name, num_queries in (("single", 1), ("batch", BATCH)):
            some = [queries[7 * turn : 7 * turn + num_queries] for turn in range(turns)]
            ours, theirs = in_turns(ways, some)
            figures[f"{name}_milliseconds_per_query"] = 1000 * ours / num_queries
            figures[f"faiss_{name}_milliseconds_per_query"] = 1000 * theirs / num_queries
            figures[f"{name}_ratio"] = ours / theirs
    figures["search_ratio"] = max(figures["single_ratio"], figures["batch_ratio"])
    return figures


def measure_approximate(path: Path, num: int) -> Figures:
    """Of rows that lie in groups, as embeddings of individuals do; on random ones nothing can be left out."""
    rng = np.random.default_rng(2)
    vectors = random_vectors(num // 100 + 1, 2)[rng.integers(num // 100 + 1, size=num + 200)]
    vectors += 0.6 / np.sqrt(128) * rng.standard_normal(vectors.shape, dtype=np.float32)
    vectors = unit_length(vectors)
    queries, vectors = vectors[:200], vectors[200:]
    load(path, vectors, in_order=True)
    with EmbeddingIndex.open(path) as index:
        exact = partial(index.search, k=10)
        approximate = partial(exact, approximate=True)
        exact(queries[0])
        told = []
        built = seconds(lambda: told.append(index.build_approximate(target_recall=0.99)))
        if told == [None]:
            return {}
        approximate(queries[0])
        near, every = in_turns((approximate, exact), queries[:, np.newaxis])
        answers = zip(exact(queries), approximate(queries), strict=True)
        shares = [len({hit.id for hit in a} & {hit.id for hit in b}) / 10 for a, b in answers]
    return {
        "approximate_build_seconds": built,
        "approximate_recall_at_10_told": told[0].recall_at_10,
        "approximate_recall_at_10_of_new_queries": float(np.mean(shares)),
        "approximate_single_milliseconds_per_query": 1000 * near,
        "exact_single_milliseconds_per_query": 1000 * every,
    }


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


def search_alone(path: Path, queries: np.ndarray, threads: int) -> Figures:
    """Opens and searches an index in a process of its own."""
    figures: Figures = {}
    with threadpool_limits(threads):
        start = time.perf_counter()
        index = EmbeddingIndex.open(path, create=False)
        figures["open_seconds"] = time.perf_counter() - start
        index.search(queries[0], k=10)
        figures["first_answer_seconds"] = time.perf_counter() - start
        for query in queries[:20]:
            index.search(query, k=10)
        index.search(queries[:BATCH], k=10)
    return figures | {"peak_bytes": common.peak_bytes()}


if __name__ == "__main__":
    main()
