"""Thresholds per species: what is promised holds, and what cannot be promised says what is missing."""

import numpy as np
import pytest

from inference.calibrate.certified import certify_threshold
from soundscapes.thresholds import certify_thresholds, realised_rates
from soundscapes.thresholds_file import load_thresholds, save_thresholds

NAMES = ("wren", "robin", "owl")


@pytest.fixture
def data():
    """400 sources of 3 rows; the owl is in nearly all of them."""
    rng = np.random.default_rng(0)
    sources = np.repeat(np.arange(400), 3)
    labels = np.zeros((1200, 3), int)
    labels[:300, 0] = 1
    labels[: 3 * 380, 2] = 1
    scores = rng.beta(1, 6, (1200, 3)) + 0.4 * labels
    scores[5] = np.nan
    return scores.clip(0, 1), labels, sources


def test_each_source_without_the_species_counts_once_by_its_highest_score(data):
    scores, labels, sources = data
    found = certify_thresholds(*data, class_names=NAMES, false_positive_rate=0.02)
    highest = []
    for source in range(400):
        rows = np.flatnonzero((sources == source) & ~np.isnan(scores[:, 0]))
        if not labels[rows, 0].any():
            highest.append(scores[rows, 0].max())
    expected = certify_threshold(highest, 0.02, 0.95)
    assert found.species[0].threshold == expected.similarity
    assert found.species[0].num_sources == len(highest) == 300
    assert found.species[0].upper_bound <= 0.02


def test_too_few_sources_say_how_many_are_needed(data):
    found = certify_thresholds(*data, class_names=NAMES, false_positive_rate=0.02)
    assert found.species[2].threshold is None
    assert found.species[2].reason == "cannot certify: needs 149, have 20"
    assert "owl: cannot certify: needs 149, have 20" in found.in_words()
    assert found.of(NAMES)[2] == found.published
    assert found.of(("owl", "wren"), uncertified=2.0).tolist() == [
        2.0,
        found.species[0].threshold,
    ]
    with pytest.raises(ValueError, match=r"do not know \['crow'\]"):
        found.of(("crow",))


def test_the_published_rule_is_the_median_of_what_was_observed(data):
    scores, labels, _ = data
    found = certify_thresholds(*data, class_names=NAMES, false_positive_rate=0.02)
    is_known = ~np.isnan(scores).any(axis=1)
    observed = []
    for column in range(3):
        negatives = scores[is_known & (labels[:, column] == 0), column]
        levels = [x for x in negatives if np.mean(negatives > x) <= 0.02]
        observed.append(min(levels))
    assert [one.observed for one in found.species] == observed
    assert found.published == np.median(observed)
    exceeding = [
        np.mean(scores[is_known & (labels[:, c] == 0), c] > found.published) > 0.02
        for c in range(3)
    ]
    assert found.num_exceeding == sum(exceeding)


def test_thresholds_are_the_same_after_saving(data, tmp_path):
    found = certify_thresholds(*data, class_names=NAMES, false_positive_rate=0.02)
    file = save_thresholds(tmp_path, found)
    assert file.name == "thresholds.json"
    assert load_thresholds(tmp_path) == found
    file.write_text("{}")
    with pytest.raises(ValueError, match="is damaged"):
        load_thresholds(file)
    with pytest.raises(FileNotFoundError, match="classify evaluate"):
        load_thresholds(tmp_path / "nowhere")


def test_certified_thresholds_keep_their_promise_on_other_sources():
    rng = np.random.default_rng(1)
    rates = []
    for _ in range(200):
        scores = rng.beta(1, 6, (200, 1))
        nowhere, sources = np.zeros((200, 1)), range(200)
        found = certify_thresholds(
            scores, nowhere, sources, class_names=["wren"], false_positive_rate=0.05
        )
        rates.append((1 - found.species[0].threshold) ** 6)  # the true rate
    assert np.mean(np.array(rates) > 0.05) <= 0.08


def test_the_realised_rate_has_its_exact_interval():
    scores = np.array([[0.9], [0.2], [0.1], [0.3]])
    labels = np.array([[0], [0], [1], [0]])
    (rate,) = realised_rates(0.5, scores, labels, ["a", "a", "b", "c"], class_names=["wren"])
    assert (rate.num_false, rate.num_sources, rate.rate) == (1, 2, 0.5)
    assert (rate.low, rate.high) == pytest.approx((0.0126, 0.9874), abs=1e-4)
