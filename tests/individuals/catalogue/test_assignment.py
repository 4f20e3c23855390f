"""The best names that no two animals seen together share, against trying all."""

from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from individuals.catalogue.assignment import NOBODY, assign_names


def try_all(gains, apart):
    """Every allowed assignment with its total."""
    names = range(-1, gains.shape[1])
    for chosen in product(names, repeat=len(gains)):
        taken = [(q, n) for q, n in enumerate(chosen) if n >= 0]
        if all(gains[q, n] > 0 for q, n in taken) and not any(
            chosen[a] == chosen[b] >= 0 for a, b in apart
        ):
            yield chosen, sum(gains[q, n] for q, n in taken)


@st.composite
def problems(draw):
    num, num_names = draw(st.integers(0, 4)), draw(st.integers(0, 3))
    values = st.integers(-5, 10).map(float)
    gains = draw(st.lists(values, min_size=num * num_names, max_size=num * num_names))
    pairs = list(combinations(range(num), 2))
    everybody = draw(st.booleans())
    apart = pairs if everybody else [p for p in pairs if draw(st.booleans())]
    return np.array(gains).reshape(num, num_names), apart


@settings(max_examples=300)
@given(problem=problems())
def test_the_total_is_the_best_of_all_and_nobody_shares(problem):
    gains, apart = problem
    chosen = assign_names(gains, apart).chosen
    found = dict(try_all(gains, apart))
    assert found[tuple(chosen.tolist())] == max(found.values())


@settings(max_examples=200)
@given(problem=problems())
def test_the_gap_is_to_the_best_in_which_another_has_the_name_or_it_has_another(problem):
    gains, apart = problem
    result = assign_names(gains, apart)
    both_ways = [*apart, *((b, a) for a, b in apart)]
    for query, name in enumerate(result.chosen.tolist()):
        if name == NOBODY:
            assert result.gap[query] == np.inf
            continue
        others = [
            total
            for chosen, total in try_all(gains, apart)
            if chosen[query] not in (name, NOBODY)
            or any(chosen[rival] == name for one, rival in both_ways if one == query)
        ]
        best = max(total for _, total in try_all(gains, apart))
        assert result.gap[query] == pytest.approx(best - max(others, default=-np.inf))


def test_a_whole_flock_is_named_quickly():
    generator = np.random.default_rng(0)
    gains = generator.random((30, 40)) - 0.8
    flock = assign_names(gains, list(combinations(range(30), 2)))
    named = flock.chosen[flock.chosen >= 0]
    assert len(named) == len(set(named.tolist())) > 20
