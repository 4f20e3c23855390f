import importlib.util
import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inference import nearest_keys as module
from inference.nearest_keys import nearest_keys
from tests.inference.vectors import unit


def clustered(num: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = unit(rng.standard_normal((num // 10, 32)))[rng.integers(0, num // 10, num)]
    return unit(centres + 0.1 * rng.standard_normal((num, 32))).astype(np.float32)


def slow_nearest(
    queries: np.ndarray, keys: np.ndarray, k: int, own_key: np.ndarray
) -> list[list[int]]:
    found = []
    for query, own in zip(queries, own_key, strict=True):
        products = sorted(
            (-float(query.astype(float) @ key.astype(float)), number)
            for number, key in enumerate(keys)
            if number != own
        )
        found.append([number for _, number in products[:k]])
    return found


@settings(max_examples=40)
@given(
    num_keys=st.integers(1, 30),
    k=st.integers(1, 35),
    block=st.sampled_from([1, 50, 2**25]),
    seed=st.integers(0, 10**6),
)
def test_the_scan_agrees_with_sorting_all_products(num_keys, k, block, seed):
    rng = np.random.default_rng(seed)
    queries, keys = (rng.standard_normal((n, 5)).astype(np.float32) for n in (8, num_keys))
    own_key = rng.integers(0, num_keys, 8)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SIMILARITIES_AT_ONCE", block)
        found, products = nearest_keys(queries, keys, k, own_key)
    assert found.shape == products.shape == (8, k)
    rows = [[key for key in row if key >= 0] for row in found.tolist()]
    assert rows == slow_nearest(queries, keys, k, own_key)
    expected = np.einsum("ij,ikj->ik", queries, keys[found])
    assert products[found >= 0] == pytest.approx(expected[found >= 0], abs=1e-4)
    assert (products[found < 0] == -np.inf).all()


def test_cells_find_nearly_all_and_never_the_query_itself(monkeypatch):
    pytest.importorskip("faiss")
    vectors, each = clustered(4000, seed=1), np.arange(4000)
    exact, _ = nearest_keys(vectors, vectors, 8, each)
    monkeypatch.setattr(module, "CELLS_ABOVE", 1000)
    monkeypatch.setattr(module, "_scan", None)  # not callable: cells it must be
    found, products = nearest_keys(vectors, vectors, 8, each)
    recall = np.mean([len(set(a) & set(b)) / 8 for a, b in zip(exact, found, strict=True)])
    assert recall >= 0.95
    assert (found != each[:, np.newaxis]).all()
    assert (np.diff(products, axis=1) <= 0).all()
    again = np.einsum("ij,ikj->ik", vectors, vectors[found])
    assert products[found >= 0] == pytest.approx(again[found >= 0], abs=1e-5)
    assert np.array_equal(nearest_keys(vectors, vectors, 8, each)[0], found)  # the same twice


def test_without_faiss_the_scan_is_exact_and_says_what_is_missing(monkeypatch, caplog):
    vectors, each = clustered(2000, seed=3), np.arange(2000)
    exact, _ = nearest_keys(vectors, vectors, 8, each)
    monkeypatch.setattr(module, "CELLS_ABOVE", 1000)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with caplog.at_level(logging.WARNING):
        found, _ = nearest_keys(vectors, vectors, 8, each)
    assert np.array_equal(found, exact)
    assert "2000 groups are compared one by one" in caplog.text
    assert "fused-encoder[faiss]" in caplog.text


def test_few_queries_among_many_keys_are_scanned(monkeypatch):
    monkeypatch.setattr(module, "CELLS_ABOVE", 1000)
    monkeypatch.setattr(module, "_search_cells", None)
    vectors = clustered(2000, seed=4)
    found, _ = nearest_keys(vectors[:100], vectors, 3, np.arange(100))
    assert found.tolist() == slow_nearest(vectors[:100], vectors, 3, np.arange(100))
