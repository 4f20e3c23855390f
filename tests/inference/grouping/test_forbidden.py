import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inference.grouping.forbidden import Forbidden

pairs_of_ten = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=30)


def as_pairs(pairs: list[tuple[int, int]]) -> np.ndarray:
    return np.array([pair for pair in pairs if pair[0] != pair[1]], np.int64).reshape(-1, 2)


@given(pairs=pairs_of_ten)
def test_all_pairs_are_answered_as_a_set_would(pairs: list[tuple[int, int]]) -> None:
    listed = as_pairs(pairs)
    forbidden = Forbidden(listed, 10)
    known = {frozenset(pair) for pair in listed.tolist()}
    first, second = np.meshgrid(np.arange(10), np.arange(10), indexing="ij")
    held = forbidden.holds(first, second)
    expected = [[frozenset((a, b)) in known for b in range(10)] for a in range(10)]
    assert held.tolist() == expected
    assert len(forbidden) == len(known)


@given(pairs=pairs_of_ten, joined=st.lists(st.integers(0, 9), min_size=10, max_size=10))
def test_after_joining_whole_groups_stay_apart(
    pairs: list[tuple[int, int]], joined: list[int]
) -> None:
    listed, group_of = as_pairs(pairs), np.array(joined)
    listed = listed[group_of[listed[:, 0]] != group_of[listed[:, 1]]]
    after = Forbidden(listed, 10).after(group_of)
    known = {frozenset(group_of[pair].tolist()) for pair in listed}
    first, second = np.meshgrid(np.arange(10), np.arange(10), indexing="ij")
    expected = [[frozenset((a, b)) in known for b in range(10)] for a in range(10)]
    assert after.holds(first, second).tolist() == expected


def test_nobody_is_forbidden_to_an_absent_partner() -> None:
    forbidden = Forbidden(np.array([[0, 9], [8, 9]]), 10)
    absent = np.full(10, -1)
    assert not forbidden.holds(np.arange(10), absent).any()
    assert not Forbidden(np.empty((0, 2), np.int64), 10).holds(np.arange(10), absent).any()
