"""The nearest rows of a matrix: all are compared, or on request only the nearest groups of rows."""

from __future__ import annotations

import importlib.util
import json
import logging
import math
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

import numpy as np

from inference.index.matrix import Matrix, replacing
from inference.index.rows import Approximation

if TYPE_CHECKING:
    import faiss

logger = logging.getLogger(__name__)

SIMILARITIES_AT_ONCE = 2**22  # 16 MiB of float32
QUERIES_AT_ONCE = 256
RANKED_AT_ONCE = 2**19  # numbers, 4 MiB of float64
FAISS_FROM_ROWS = 10_000  # below, the scan takes less time than loading faiss
SPARE = 22  # candidates beyond k, among which rounding may have changed the order
GATHERED_SHARE = 0.1  # so few rows are copied to be compared; of more, all are compared
LARGEST_GROUP = 64
# The float32 product of two unit vectors is off by less than this times their size.
ROUNDING = 2 * float(np.finfo(np.float32).eps)
FROM_ROWS = 50_000  # below, exact search is as quick
ROWS_PER_GROUP_TO_TRAIN = 64
ROWS_AT_ONCE = 65_536
MOST_QUERIES = 1000  # half of them choose how many groups are searched, the other half measure
K = 10
Found = list[tuple[np.ndarray, np.ndarray]]


def nearest(
    embeddings: np.ndarray,
    queries: np.ndarray,
    k: int,
    min_similarity: float | None = None,
    passing: np.ndarray | None = None,
) -> Found:
    """For each query the rows and cosine similarities of its k nearest, nearest first.

    A float32 product finds the candidates, and their cosine is then computed again in float64, row by row.
    So equal rows get exactly equal similarities, whatever stands beside them, and are ordered by row.
    `passing`, bool [num], says which rows may be found; what is below `min_similarity` is left out.

    Returns:
        num_queries pairs: rows int64 [found] and similarities float64 [found] in [-1, 1], found <= k.
    """
    queries = np.ascontiguousarray(queries, dtype=np.float32)
    candidates = _candidates(embeddings, queries, k, passing)
    return [
        ranked(embeddings, query, rows, k, min_similarity)
        for query, rows in zip(queries, candidates, strict=True)
    ]


def ranked(
    embeddings: np.ndarray,
    query: np.ndarray,
    candidates: np.ndarray,
    k: int,
    min_similarity: float | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Of these rows (int64 [num], increasing) the k nearest to float32 [size], as `nearest`."""
    at_once = max(1, RANKED_AT_ONCE // embeddings.shape[1])
    starts = range(at_once, len(candidates), at_once)
    parts = np.split(candidates, starts)
    similarities = np.concatenate([_cosines(embeddings[part], query) for part in parts])
    order = np.argsort(-similarities, kind="stable")[:k]
    if min_similarity is not None:
        order = order[similarities[order] >= min_similarity]
    return candidates[order], similarities[order]


def _cosines(rows: np.ndarray, query: np.ndarray) -> np.ndarray:
    """float64 [num]. Not a matrix product: BLAS rounds a row differently at different places."""
    rows, query = rows.astype(np.float64), query.astype(np.float64)
    lengths = np.sqrt((rows * rows).sum(axis=1) * (query * query).sum())
    return np.clip((rows * query).sum(axis=1) / lengths, -1.0, 1.0)


def _candidates(
    embeddings: np.ndarray, queries: np.ndarray, k: int, passing: np.ndarray | None = None
) -> list[np.ndarray]:
    """For each query the rows (int64, increasing) that may be among its k nearest, however rounded."""
    num = len(embeddings) if passing is None else int(np.count_nonzero(passing))
    if num == len(embeddings):
        passing = None
    if k >= num:
        return [np.arange(num) if passing is None else np.flatnonzero(passing)] * len(queries)
    if passing is not None and num < GATHERED_SHARE * len(embeddings):
        rows = np.flatnonzero(passing)
        return [rows[some] for some in _candidates(embeddings[rows], queries, k)]
    found: list[np.ndarray] = []
    for start in range(0, len(queries), QUERIES_AT_ONCE):
        some = queries[start : start + QUERIES_AT_ONCE]
        if passing is None and num >= FAISS_FROM_ROWS and _is_faiss_installed():
            found += _by_faiss(embeddings, some, k)
        else:
            found += _by_product(embeddings, some, k, passing)
    return found


def _is_faiss_installed() -> bool:
    try:
        return importlib.util.find_spec("faiss") is not None
    except ValueError:  # it is hidden: sys.modules["faiss"] is None
        return False


def _import_faiss() -> ModuleType:
    try:
        import faiss
    except ImportError as error:
        told = "Approximate search needs faiss, which is not installed"
        install = "Install it with `pip install 'fused-encoder[faiss]'`."
        raise ImportError(f"{told}. {install}") from error
    return faiss


def _by_faiss(embeddings: np.ndarray, queries: np.ndarray, k: int) -> list[np.ndarray]:
    faiss = _import_faiss()
    num_found = min(len(embeddings), k + SPARE)
    similarities, rows = faiss.knn(
        queries, embeddings, num_found, metric=faiss.METRIC_INNER_PRODUCT
    )
    found = list(np.sort(rows, axis=1))
    if num_found == len(embeddings):
        return found
    is_sure = similarities[:, -1] < similarities[:, k - 1] - ROUNDING * embeddings.shape[1]
    for query in np.flatnonzero(~is_sure):  # more rows may be as near as the k-th
        [found[query]] = _by_product(embeddings, queries[query : query + 1], k, None)
    return found


def _by_product(
    embeddings: np.ndarray, queries: np.ndarray, k: int, passing: np.ndarray | None
) -> list[np.ndarray]:
    """A block of rows at a time: what may be among the k nearest of the blocks so far is kept."""
    rounding = ROUNDING * embeddings.shape[1]
    rows_at_once = max(SIMILARITIES_AT_ONCE // len(queries), 4 * k)
    bounds = np.full(len(queries), -1.0 - rounding, dtype=np.float32)
    kept = []
    for start in range(0, len(embeddings), rows_at_once):
        block = slice(start, start + rows_at_once)
        similarities = queries @ embeddings[block].T
        if passing is not None:
            similarities[:, ~passing[block]] = -np.inf
        if similarities.shape[1] >= k:
            np.maximum(bounds, _at_most_kth_largest(similarities, k) - rounding, out=bounds)
        which, rows = np.nonzero(similarities >= bounds[:, np.newaxis])
        kept.append((which, rows + start, similarities[which, rows]))
    which, rows, near = (np.concatenate(parts) for parts in zip(*kept, strict=True))
    found = []
    for query in range(len(queries)):
        some, values = rows[which == query], near[which == query]
        if len(some) > k:
            some = some[values >= np.partition(values, -k)[-k] - rounding]
        found.append(some)
    return found


def _at_most_kth_largest(similarities: np.ndarray, k: int) -> np.ndarray:
    """A close lower bound of the k-th largest value of each row: the k-th largest maximum of its groups.

    It takes one pass over the row, which selecting the k-th largest value itself does not.
    """
    num = similarities.shape[1]
    group_size = max(1, min(LARGEST_GROUP, num // (4 * k)))
    num_groups = num // group_size
    groups = similarities[:, : num_groups * group_size].reshape(-1, group_size, num_groups)
    return np.partition(groups.max(axis=1), num_groups - k, axis=1)[:, num_groups - k]


@dataclass(frozen=True, eq=False)
class Groups:
    """The rows of one revision of an index in groups."""

    revision: tuple[int, int]
    approximation: Approximation
    faiss_index: faiss.IndexIVFFlat  # its ids are the positions of the rows

    def candidates(self, matrix: Matrix, queries: np.ndarray, k: int) -> list[np.ndarray]:
        """For each query (float32 [num, size]) rows of the matrix in the nearest groups, increasing."""
        found = _search(self.faiss_index, queries, k + SPARE, self.approximation.num_probes)
        return [np.searchsorted(matrix.positions, np.sort(some[some >= 0])) for some in found]


def group(matrix: Matrix, revision: tuple[int, int], target_recall: float) -> Groups:
    """Divide the live rows into groups; as many are searched as find this share of the ten nearest."""
    faiss = _import_faiss()
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
    faiss = _import_faiss()
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
        faiss = _import_faiss()
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
    parameters = _import_faiss().SearchParametersIVF(nprobe=num_probes)
    return ivf.search(np.ascontiguousarray(queries, np.float32), num, params=parameters)[1]


def _measured(
    ivf: faiss.IndexIVFFlat, matrix: Matrix, chosen: np.ndarray, target_recall: float
) -> Approximation:
    queries, own = matrix.embeddings[chosen], matrix.positions[chosen]
    # a row finds itself in any case: what counts are its ten nearest others
    exact = nearest(matrix.embeddings, queries, K + 1, passing=matrix.is_live)
    truth = [matrix.positions[rows] for rows, _ in exact]
    middle, num_probes = len(chosen) // 2, 1
    while True:
        found = _search(ivf, queries, K + 1, num_probes)
        pairs = zip(truth, found, own, strict=True)
        recalls = np.array(
            [np.isin(_others(a, row), _others(b, row)).mean() for a, b, row in pairs]
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
