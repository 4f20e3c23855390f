"""Smoothing of scores, against slow obvious versions."""

import numpy as np
import pytest
from scipy.special import expit, logit

from soundscapes.priors import fit_cooccurrence, fit_site_hour_prior
from soundscapes.smoothing import (
    HEAVY_KERNEL,
    Smoothing,
    average_neighbours,
    scale_by_max,
    scale_by_top,
    smooth_scores,
)


@pytest.fixture
def scores():
    values = np.random.default_rng(0).uniform(0.01, 0.99, (9, 3)).astype(np.float32)
    values[4] = np.nan
    return values


def test_neighbours_are_averaged_and_the_segment_stands_in_for_missing_ones(scores):
    expected = np.zeros_like(scores)
    for segment in range(len(scores)):
        for step, weight in zip(range(-2, 3), HEAVY_KERNEL, strict=True):
            place = segment + step
            is_there = 0 <= place < len(scores) and not np.isnan(scores[place]).any()
            expected[segment] += weight * scores[place if is_there else segment]
    np.testing.assert_allclose(average_neighbours(scores), expected, rtol=1e-5)
    assert np.isnan(average_neighbours(scores)[4]).all()


def test_the_share_of_neighbours_is_the_formula_of_the_notebooks():
    p = np.array([[0.1], [0.5], [0.9]], np.float32)
    smooth = smooth_scores(p, Smoothing(neighbour_share=0.4)).ravel()
    expected = [0.8 * 0.1 + 0.2 * 0.5, 0.6 * 0.5 + 0.2 * (0.1 + 0.9), 0.8 * 0.9 + 0.2 * 0.5]
    np.testing.assert_allclose(smooth, expected, rtol=1e-6)


def test_a_file_scales_its_segments_by_its_top_two_and_its_highest(scores):
    for column in range(3):
        known = sorted(value for value in scores[:, column] if not np.isnan(value))
        top, highest = (known[-1] + known[-2]) / 2, known[-1]
        np.testing.assert_allclose(
            scale_by_top(scores)[:, column], scores[:, column] * top, rtol=1e-5
        )
        np.testing.assert_allclose(
            scale_by_max(scores)[:, column], scores[:, column] * highest**0.4, rtol=1e-5
        )


def test_species_that_are_heard_together_raise_each_other():
    labels = np.array([[1, 1, 0]] * 10 + [[0, 0, 1]] * 10)
    prior = fit_cooccurrence(labels, weight=0.5)
    scores = np.array([[0.9, 0.3, 0.05]], np.float32)
    after = prior.apply(scores)
    heard, expected = scores[0].astype(float), []
    for j in range(3):
        others = [i for i in range(3) if i != j]
        total = max(1, sum(heard[i] for i in others))
        mean = sum(heard[i] * prior.log_lift[i, j] for i in others) / total
        expected.append(expit(logit(heard[j]) + 0.5 * mean))
    np.testing.assert_allclose(after[0], expected, rtol=1e-5)
    assert after[0, 1] > 0.3
    assert after[0, 2] < 0.05


def test_a_site_and_hour_count_as_much_as_is_known_of_them():
    labels = np.array([[1, 0]] * 8 + [[0, 1]] * 8)
    prior = fit_site_hour_prior(labels, ["pond"] * 8 + ["wood"] * 8, [5] * 8 + [6] * 8, strength=2)
    anywhere = 8.5 / 17
    site = (8 + 2 * anywhere) / 10
    there = (8 + 2 * site) / 10
    expected = expit(logit(0.5) + logit(there) - logit(anywhere))
    after = prior.apply([[0.5, np.nan]], site="pond", hour=5)
    np.testing.assert_allclose(after, [[expected, np.nan]], rtol=1e-5)
    at_site = prior.apply([[0.5, 0.5]], site="pond", hour=9)[0, 0]
    assert 0.5 < at_site < after[0, 0]
    np.testing.assert_allclose(prior.apply([[0.5, 0.5]], site="moon", hour=5), [[0.5, 0.5]])


def test_nothing_is_done_by_default_and_what_breaks_calibration_says_so(scores):
    np.testing.assert_array_equal(smooth_scores(scores, Smoothing()), scores)
    assert Smoothing().steps == ()
    every = Smoothing(HEAVY_KERNEL, 0.4, 2, 0.4)
    assert every.steps == ("kernel", "neighbour_share", "num_top", "max_power")
    assert every.breaks_calibration == ("num_top", "max_power")
    smooth = smooth_scores(scores, every)
    assert np.nanmin(smooth) >= 0
    assert np.nanmax(smooth) <= 1
