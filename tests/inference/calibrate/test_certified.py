"""Thresholds with a promise: exact bounds, refusals with numbers, and the promise kept in simulation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from inference.calibrate import (
    CannotCertifyError,
    certify_threshold,
    lowest_rate,
    units_needed,
)
from inference.calibrate.certified import upper_bound

RATES = st.floats(0.001, 0.9)
CONFIDENCES = st.sampled_from([0.5, 0.9, 0.95, 0.99])
SCORES = st.lists(st.floats(-1, 1), min_size=1, max_size=400)


@pytest.mark.parametrize(
    ("events", "num"), [(0, 12), (0, 3000), (1, 12), (7, 40), (39, 40), (40, 40)]
)
def test_the_upper_bound_is_that_of_scipys_exact_interval(events, num):
    exact = binomtest(events, num).proportion_ci(0.9, method="exact").high  # 5 % on each side
    assert upper_bound(events, num, 0.95) == pytest.approx(exact, rel=1e-9)


def test_one_in_a_thousand_at_95_percent_needs_2995_strangers():
    assert units_needed(0.001, 0.95) == 2995
    assert certify_threshold(np.linspace(0, 1, 2995)).num_false_matches == 0
    with pytest.raises(CannotCertifyError):
        certify_threshold(np.linspace(0, 1, 2994))


def test_too_few_strangers_are_told_how_many_are_needed_and_what_is_within_reach():
    with pytest.raises(CannotCertifyError) as error:
        certify_threshold(np.linspace(0, 1, 12), 0.001, 0.95)
    assert str(error.value) == (
        "cannot certify a false match rate of 0.001 at 95 % confidence: needs 2995 independent units without "
        "a false match, have 12. Calibrate with more individuals that are not in the gallery, or ask for a "
        "false match rate of 0.221 or more."
    )


@given(rate=RATES, confidence=CONFIDENCES)
def test_the_number_needed_is_the_smallest_that_suffices(rate, confidence):
    needed = units_needed(rate, confidence)
    assert lowest_rate(needed, confidence) <= rate
    assert needed == 1 or lowest_rate(needed - 1, confidence) > rate


@given(scores=SCORES, rate=RATES, confidence=CONFIDENCES)
def test_the_threshold_is_the_lowest_whose_bound_keeps_to_the_target(scores, rate, confidence):
    try:
        certified = certify_threshold(scores, rate, confidence)
    except CannotCertifyError:
        assert len(scores) < units_needed(rate, confidence)
        return
    above = sum(score > certified.similarity for score in scores)
    assert certified.num_false_matches == above
    assert upper_bound(above, len(scores), confidence) <= certified.upper_bound <= rate
    lower = [score for score in scores if score < certified.similarity]
    if lower:
        above = sum(score > max(lower) for score in scores)
        assert upper_bound(above, len(scores), confidence) > rate


@pytest.mark.parametrize(("num", "rate"), [(59, 0.05), (100, 0.1), (300, 0.02), (200, 0.3)])
def test_the_true_rate_exceeds_the_target_no_more_often_than_promised(num, rate):
    # scores are uniform on [0, 1], so the true rate at a threshold is 1 - threshold
    rng = np.random.default_rng(num)
    num_trials = 4_000
    exceeded = sum(
        1 - certify_threshold(rng.random(num), rate).similarity > rate for _ in range(num_trials)
    )
    assert binomtest(exceeded, num_trials, 0.05, alternative="greater").pvalue > 0.001
    assert exceeded > 0  # and the threshold is not needlessly high
