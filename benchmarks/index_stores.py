"""The same index in a file and on Milvus: rows a second, milliseconds a call, and whether answers are equal.

python benchmarks/index_stores.py http://127.0.0.1:19530/stores milvus:stores.db [--rows 10000] [--json FILE]

Embeddings of 128 numbers, metadata of two keys, k = 10. The embedded index, in a temporary folder, is always
measured; each address must be of an index that is not there yet. Medians of single calls, one by one.

- `<store>_add_rows_per_second`, `<store>_iterate_rows_per_second`: `<store>` is embedded, server or lite
- `<store>_<call>_milliseconds`: search, search_where (a tenth of the rows pass), search_50 (queries at once),
  get_10, count_where, add_1, update_1
- `<store>_same_answers`: share of 50 queries answered exactly as by the embedded index
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np

from inference.index import EmbeddingIndex, Hit

SIZE = 128
K = 10
NUM_QUERIES = 50
TURNS = 15


def main() -> None:
    """Prints a row for each figure, a column for each store."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("addresses", nargs="*", help="of indexes on Milvus that are not there yet")
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--json", metavar="FILE", type=Path)
    options = parser.parse_args()
    gallery, queries = unit_vectors(options.rows, seed=0), unit_vectors(NUM_QUERIES, seed=1)
    measured: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        expected: list[list[Hit]] | None = None
        for address in (str(Path(folder) / "stores.index"), *options.addresses):
            with EmbeddingIndex.open(address) as index:
                figures, answers = measure(index, gallery, queries)
            expected = expected or answers
            figures["same_answers"] = float(
                np.mean([ours == theirs for ours, theirs in zip(answers, expected, strict=True)])
            )
            measured[store_of(address)] = figures
    print_table(measured)
    if options.json:
        flat = {
            f"{store}_{name}": value
            for store, some in measured.items()
            for name, value in some.items()
        }
        options.json.write_text(json.dumps({"rows": options.rows, **flat}, indent=1), "utf-8")


def store_of(address: str) -> str:
    """The name of the store in the table."""
    if address.startswith("http"):
        return "server"
    return "lite" if address.startswith("milvus:") else "embedded"


def measure(
    index: EmbeddingIndex, gallery: np.ndarray, queries: np.ndarray
) -> tuple[dict[str, float], list[list[Hit]]]:
    """The figures of an empty index, and its answers once the gallery is in it."""
    num = len(gallery)
    if len(index):
        raise ValueError("The index is not empty. Give an address where there is none yet.")
    index.add(["first"], unit_vectors(1, seed=2))  # a server makes its collection
    ids = [str(row) for row in range(num)]
    metadata = [{"site": row % 10, "species": f"species {row % 100}"} for row in range(num)]
    figures = {"add_rows_per_second": num / seconds(lambda: index.add(ids, gallery, metadata))}
    index.search(queries[0], k=K, where={"site": 3})
    answers = index.search(queries, k=K)
    calls: dict[str, Callable[[int], object]] = {
        "search": lambda turn: index.search(queries[turn], k=K),
        "search_where": lambda turn: index.search(queries[turn], k=K, where={"site": 3}),
        "search_50": lambda turn: index.search(queries, k=K),
        "get_10": lambda turn: index.get(ids[:10]),
        "count_where": lambda turn: index.count({"site": 3}),
        "add_1": lambda turn: index.add([f"new {turn}"], queries[turn : turn + 1]),
        "update_1": lambda turn: index.update([f"new {turn}"], queries[turn : turn + 1]),
    }
    for name, call in calls.items():
        figures[f"{name}_milliseconds"] = 1000 * median(
            seconds(partial(call, turn)) for turn in range(TURNS)
        )
    figures["iterate_rows_per_second"] = num / seconds(lambda: sum(1 for _ in index))
    return figures, answers


def seconds(call: Callable[[], object]) -> float:
    """How long the call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def unit_vectors(num: int, *, seed: int) -> np.ndarray:
    """float32 [num, SIZE], unit length."""
    vectors = np.random.default_rng(seed).standard_normal((num, SIZE), dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def print_table(measured: dict[str, dict[str, float]]) -> None:
    """A row for each figure."""
    print(f"{'':28}" + "".join(f"{store:>12}" for store in measured))
    for name in next(iter(measured.values())):
        print(f"{name:28}" + "".join(f"{figures[name]:12.4g}" for figures in measured.values()))


if __name__ == "__main__":
    main()
