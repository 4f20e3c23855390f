"""The same index in a file and on Milvus: rows a second, milliseconds a call, and whether answers are equal.

python benchmarks/index_stores.py http://127.0.0.1:19530/stores milvus:stores.db [--rows 10000] [--json FILE]

Embeddings of 128 numbers, metadata of two keys, k = 10; medians of single calls. The embedded index is always
measured; each address must be of an index that is not there yet. Figures are `<store>_<figure>`, where the
store is embedded, server or lite; `same_answers` is the share of 50 queries answered exactly as by the file.
"""

import tempfile
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
from common import Figures, random_vectors, read_options, report, seconds

from inference.index import EmbeddingIndex, Hit

NUM_QUERIES = 50
TURNS = 15


def main() -> None:
    """Measures the embedded index and each address."""
    options = read_options(__doc__, "addresses", rows=10_000)
    gallery, queries = random_vectors(options.rows, 0), random_vectors(NUM_QUERIES, 1)
    figures: Figures = {"rows": options.rows}
    with tempfile.TemporaryDirectory() as folder:
        expected: list[list[Hit]] | None = None
        for address in (str(Path(folder) / "stores.index"), *options.addresses):
            with EmbeddingIndex.open(address) as index:
                measured, answers = measure(index, gallery, queries)
            expected = expected or answers
            equal = [ours == theirs for ours, theirs in zip(answers, expected, strict=True)]
            measured["same_answers"] = float(np.mean(equal))
            lite_or_file = "lite" if address.startswith("milvus:") else "embedded"
            store = "server" if address.startswith("http") else lite_or_file
            figures |= {f"{store}_{name}": value for name, value in measured.items()}
    report(options.json, figures)


def measure(
    index: EmbeddingIndex, gallery: np.ndarray, queries: np.ndarray
) -> tuple[Figures, list[list[Hit]]]:
    """The figures of an empty index, and its answers once the gallery is in it."""
    num = len(gallery)
    if len(index):
        raise ValueError("The index is not empty. Give an address where there is none yet.")
    index.add(["first"], random_vectors(1, 2))  # a server makes its collection
    ids = [str(row) for row in range(num)]
    metadata = [{"site": row % 10, "species": f"species {row % 100}"} for row in range(num)]
    figures = {"add_rows_per_second": num / seconds(index.add, ids, gallery, metadata)}
    search = partial(index.search, k=10)
    answers = search(queries)
    calls = {
        "search": lambda turn: search(queries[turn]),
        "add_1": lambda turn: index.add([f"new {turn}"], queries[turn : turn + 1]),
        "update_1": lambda turn: index.update([f"new {turn}"], queries[turn : turn + 1]),
    }
    for name, call in calls.items():
        figures[f"{name}_milliseconds"] = 1000 * median(seconds(call, n) for n in range(TURNS))
    return figures, answers


if __name__ == "__main__":
    main()
