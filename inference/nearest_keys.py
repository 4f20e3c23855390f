"""The nearest keys of each query: all are compared, or the nearest cells where there are many."""

import importlib.util
import logging

import numpy as np

logger = logging.getLogger(__name__)

SIMILARITIES_AT_ONCE = 2**23  # 32 MiB of float32
CELLS_ABOVE = 30_000  # keys from which cells are searched instead of all keys
CELLS_SEARCHED = 24
TRAINING_KEYS_PER_CELL = 40


def nearest_keys(
    queries: np.ndarray, keys: np.ndarray, k: int, own_key: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For each query the k keys of the largest inner product, without its own key.

    Exact up to 30,000 keys. Above, with faiss installed, keys are sorted into cells and the 24 cells
    nearest to a query are searched; a key in another cell may be missed.

    Returns:
        Positions int64 and inner products float32, both [num_queries, k], largest first; -1 and -inf where
        there are fewer keys.
    """
    queries = np.ascontiguousarray(queries, np.float32)
    keys = np.ascontiguousarray(keys, np.float32)
    is_large = len(keys) > CELLS_ABOVE and len(queries) > len(keys) // 20
    if is_large and importlib.util.find_spec("faiss") is not None:
        return _search_cells(queries, keys, k, own_key)
    if is_large:
        logger.warning(
            "%d groups are compared one by one; faiss is faster (pip install 'fused-encoder[faiss]').",
            len(keys),
        )
    return _scan(queries, keys, k, own_key)


def _scan(
    queries: np.ndarray, keys: np.ndarray, k: int, own_key: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    found = np.full((len(queries), k), -1, np.int64)
    products = np.full((len(queries), k), -np.inf, np.float32)
    kept = min(k, len(keys))
    at_once = max(1, SIMILARITIES_AT_ONCE // max(1, len(keys)))
    for start in range(0, len(queries), at_once):
        part = slice(start, start + at_once)
        block = queries[part] @ keys.T
        block[np.arange(len(block)), own_key[part]] = -np.inf
        nearest = np.argpartition(block, len(keys) - kept, axis=1)[:, len(keys) - kept :]
        values = np.take_along_axis(block, nearest, axis=1)
        order = np.argsort(-values, axis=1, kind="stable")
        found[part, :kept] = np.take_along_axis(nearest, order, axis=1)
        products[part, :kept] = np.take_along_axis(values, order, axis=1)
    found[products == -np.inf] = -1
    return found, products


def _search_cells(
    queries: np.ndarray, keys: np.ndarray, k: int, own_key: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    import faiss

    size = keys.shape[1]
    num_cells = int(2 * np.sqrt(len(keys)))
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(size), size, num_cells, faiss.METRIC_INNER_PRODUCT)
    index.cp.seed, index.cp.niter = 0, 6
    training = np.random.default_rng(0).permutation(len(keys))
    index.train(keys[np.sort(training[: TRAINING_KEYS_PER_CELL * num_cells])])
    index.add(keys)
    index.nprobe = CELLS_SEARCHED
    products, found = index.search(queries, k + 1)
    is_none = (found < 0) | (found == own_key[:, np.newaxis])
    found, products = np.where(is_none, -1, found), np.where(is_none, -np.inf, products)
    order = np.argsort(is_none, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(found, order, axis=1), np.take_along_axis(products, order, axis=1)
