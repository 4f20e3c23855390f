"""Approximate search, on request: rows are divided into groups, and only the nearest groups are searched."""

from __future__ import annotations

import json
import logging
import math
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from inference.index.exact_scan import SPARE, import_faiss, nearest
from inference.index.matrix import Matrix, replacing
from inference.index.rows import Approximation

if TYPE_CHECKING:
    import faiss

logger = logging.getLogger(__name__)

FROM_ROWS = 50_000  # below, exact search is as quick
ROWS_PER_GROUP_TO_TRAIN = 64
ROWS_AT_ONCE = 65_536
MOST_QUERIES = 1000  # half of them choose how many groups are searched, the other half measure
K = 10


@dataclass(frozen=True, eq=False)
class Groups:
    """The rows of one revision of an index in groups.

    Attributes:
        revision: of the index. Of another revision they are stale, and search is exact.
        approximation: what was measured.
        faiss_index: its ids are the positions of the rows.
    """

    revision: tuple[int, int]
    approximation: Approximation
    faiss_index: faiss.IndexIVFFlat

    def candidates(self, matrix: Matrix, queries: np.ndarray, k: int) -> list[np.ndarray]:
        """For each query (float32 [num, size]) rows of the matrix in the nearest groups, increasing."""
        num_probes = self.approximation.num_probes
        found = _search(self.faiss_index, queries, k + SPARE, num_probes)
        return [np.searchsorted(matrix.positions, np.sort(some[some >= 0])) for some in found]


def group(matrix: Matrix, revision: tuple[int, int], target_recall: float) -> Groups:
    """Divide the live rows into groups; as many are searched as find this share of the ten nearest."""
    faiss = import_faiss()
    embeddings, rows = matrix.embeddings, matrix.live_rows()
    size = embeddings.shape[1]
    num_groups = 2 ** round(math.log2(2 * math.sqrt(len(rows))))
    ivf = faiss.IndexIVFFlat(faiss.IndexFlatIP(size), size, num_groups, faiss.METRIC_INNER_PRODUCT)
    ivf.cp.spherical = True  # the middle of a group is of unit length too
    rng = np.random.default_rng(0)
    num_to_train = min(len(rows), ROWS_PER_GROUP_TO_TRAIN * num_groups)
    ivf.train(embeddings[np.sort(rng.choice(rows, num_to_train, replace=False))])
    for start in range(0, len(rows), ROWS_AT_ONCE):
        some = rows[start : start + ROWS_AT_ONCE]
        ivf.add_with_ids(embeddings[some], matrix.positions[some])
    approximation = _measured(ivf, matrix, rng.permutation(rows)[:MOST_QUERIES], target_recall)
    if 4 * approximation.num_probes > num_groups:
        logger.warning(
            "These rows do not lie in groups: %d of %d must be searched. Exact search is about as quick.",
            approximation.num_probes,
            num_groups,
        )
    return Groups(revision, approximation, ivf)


def save_groups(path: Path, groups: Groups) -> None:
    """Write the faiss index, and beside it a .json with all else."""
    faiss = import_faiss()
    with replacing(path) as temporary:
        faiss.write_index(groups.faiss_index, str(temporary))
        told = {
            "revision": groups.revision,
            "approximation": asdict(groups.approximation),
            "checksum": _checksum(temporary),
        }
    with replacing(path.with_suffix(".json")) as temporary:
        temporary.write_text(json.dumps(told), encoding="utf-8")


def load_groups(path: Path, revision: tuple[int, int]) -> Groups | None:
    """What `save_groups` wrote of this revision; None where there is none, or faiss is not installed."""
    try:
        told = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        if tuple(told["revision"]) != revision:
            return None
        faiss = import_faiss()
        # faiss does not survive every damaged file
        if _checksum(path) != told["checksum"]:
            raise ValueError("its checksum does not fit")
        found = faiss.read_index(str(path), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
        return Groups(revision, Approximation(**told["approximation"]), found)
    except (FileNotFoundError, ImportError):
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        logger.warning("%s cannot be used (%s); build it again.", path, error)
        return None


def _checksum(path: Path) -> int:
    return zlib.crc32(np.memmap(path, np.uint8, "r").data)


def _search(ivf: faiss.IndexIVFFlat, queries: np.ndarray, num: int, num_probes: int) -> np.ndarray:
    """int64 [num_queries, num]: positions of what was found, nearest first; -1 where no more was."""
    parameters = import_faiss().SearchParametersIVF(nprobe=num_probes)
    return ivf.search(np.ascontiguousarray(queries, np.float32), num, params=parameters)[1]


def _measured(
    ivf: faiss.IndexIVFFlat, matrix: Matrix, chosen: np.ndarray, target_recall: float
) -> Approximation:
    queries, own = matrix.embeddings[chosen], matrix.positions[chosen]
    # a row finds itself in any case: what counts are its ten nearest others
    exact = nearest(matrix.embeddings, queries, K + 1, passing=matrix.is_live)
    truth = [
        _others(matrix.positions[rows], row) for (rows, _), row in zip(exact, own, strict=True)
    ]
    middle, num_probes = len(chosen) // 2, 1
    while True:
        found = _search(ivf, queries, K + 1, num_probes)
        recalls = np.array(
            [
                np.isin(right, _others(some, row)).mean()
                for right, some, row in zip(truth, found, own, strict=True)
            ]
        )
        if recalls[:middle].mean() >= target_recall or num_probes >= ivf.nlist:
            break
        num_probes = min(2 * num_probes, ivf.nlist)
    return Approximation(
        recall_at_10=float(recalls[middle:].mean()),
        num_queries=len(chosen) - middle,
        num_rows=int(ivf.ntotal),
        num_lists=int(ivf.nlist),
        num_probes=num_probes,
    )


def _others(found: np.ndarray, own: int) -> np.ndarray:
    return found[found != own][:K]
