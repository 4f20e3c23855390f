import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.pooling import pool, sum_within


def test_views_that_cancel_out_are_no_direction_and_no_error() -> None:
    assert pool(np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([0, 0]))[0] == pytest.approx([0, 0])


@given(num=st.integers(0, 30), num_groups=st.integers(1, 6), seed=st.integers(0, 10**6))
def test_sums_are_exactly_the_same_in_any_order(num: int, num_groups: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((num, 3)).astype(np.float32)
    groups, order = rng.integers(0, num_groups, num), rng.permutation(num)
    sums = sum_within(vectors, groups)
    assert np.array_equal(sum_within(vectors[order], groups[order]), sums)
    for group in range(len(sums)):
        assert sums[group] == pytest.approx(vectors[groups == group].sum(axis=0), abs=1e-5)
