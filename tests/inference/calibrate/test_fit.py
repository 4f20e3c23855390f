"""Fitting: which pairs count and how much, curves that behave, strangers that are independent."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from inference.calibrate import CannotCertifyError, certify_threshold, fit_calibration
from inference.calibrate.pair_calibration import fit_logistic
from inference.calibrate.samples import (
    Rows,
    count_positive_pairs,
    draw_galleries,
    independent_units,
    sample_pairs,
    unknown_scores,
)
from inference.modalities import PAIR_PATTERNS
from tests.inference.vectors import unit


def individuals(num_individuals, num_views, *, noise=0.5, seed=0, size=32):
    """Embeddings of individuals that were seen equally often, and who each is."""
    rng = np.random.default_rng(seed)
    centres = unit(rng.standard_normal((num_individuals, size)))
    who = np.repeat(np.arange(num_individuals), num_views)
    views = centres[who] + noise * rng.standard_normal((len(who), size)) / np.sqrt(size)
    return unit(views).astype(np.float32), who


def rows_of(who, source, modality=None, seed=0):
    rng = np.random.default_rng(seed)
    embeddings = unit(rng.standard_normal((len(who), 8))).astype(np.float32)
    made_of = np.array(modality or ["image"] * len(who))
    return Rows(embeddings, np.array(who), np.array(source), made_of)


# Which pairs


KNOWN = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 4), st.sampled_from(["image", "fused"])),
    min_size=1,
    max_size=14,
)
MODALITY_PAIRS = st.sampled_from([("image", "image"), ("image", "fused"), ("fused", "fused")])


def pairs_by_loops(rows, first, second):
    """Each pair of rows once: (a, b) with what a and b were made of."""
    return [
        (a, b)
        for a in range(len(rows.individual))
        for b in range(len(rows.individual))
        if (rows.modality[a], rows.modality[b]) == (first, second)
        and rows.source[a] != rows.source[b]
        and (first != second or a < b)
    ]


@given(KNOWN, MODALITY_PAIRS)
def test_all_pairs_of_different_sources_are_taken_once(known, modalities):
    rows = rows_of(*zip(*known, strict=True))
    sample = sample_pairs(rows, *modalities, max_pairs=10_000, rng=np.random.default_rng(0))
    expected = pairs_by_loops(rows, *modalities)
    slow = [
        (rows.individual[a] == rows.individual[b], float(rows.embeddings[a] @ rows.embeddings[b]))
        for a, b in expected
    ]
    found = zip(sample.is_same.tolist(), sample.similarity.tolist(), strict=True)
    assert np.array(sorted(found)) == pytest.approx(np.array(sorted(slow)), abs=1e-5)


@given(KNOWN, MODALITY_PAIRS)
def test_pairs_of_sources_are_counted_as_by_loops(known, modalities):
    rows = rows_of(*zip(*known, strict=True))
    observed = set()
    for a, b in pairs_by_loops(rows, *modalities):
        if rows.individual[a] == rows.individual[b]:
            sources = (rows.source[a], rows.source[b])
            pair = frozenset(sources) if modalities[0] == modalities[1] else sources
            observed.add((rows.individual[a], pair))
    counted = count_positive_pairs(rows, *modalities)
    who = [individual for individual, _ in observed]
    assert counted.tolist() == [who.count(n) for n in range(max(rows.individual) + 1)]


def test_an_individual_with_many_rows_weighs_as_much_as_one_with_two():
    who = [0] * 20 + [1] * 2 + [2]
    sample = sample_pairs(
        rows_of(who, range(23)), "image", "image", max_pairs=1_000, rng=np.random.default_rng(0)
    )
    positive = np.bincount(sample.first[sample.is_same], sample.weight[sample.is_same])
    assert positive == pytest.approx([0.25, 0.25])
    for a, b in ((0, 1), (0, 2), (1, 2)):
        between = ~sample.is_same & (sample.first == a) & (sample.second == b)
        assert sample.weight[between].sum() == pytest.approx(1 / 6)


def test_drawn_pairs_weigh_as_all_pairs_do():
    embeddings, who = individuals(30, 8)
    source = np.arange(len(who)) // 2
    rows = Rows(embeddings, who, source, np.full(len(who), "image"))
    every = sample_pairs(rows, "image", "image", max_pairs=10**6, rng=np.random.default_rng(0))
    drawn = sample_pairs(rows, "image", "image", max_pairs=20_000, rng=np.random.default_rng(0))
    for kind in (True, False):
        means = [
            np.average(s.similarity[s.is_same == kind], weights=s.weight[s.is_same == kind])
            for s in (every, drawn)
        ]
        assert means[0] == pytest.approx(means[1], abs=0.005)
    assert np.bincount(drawn.first[drawn.is_same], drawn.weight[drawn.is_same]) == pytest.approx(
        np.full(30, 0.5 / 30)
    )


# The curves


def test_log_odds_are_those_of_two_known_bells():
    rng = np.random.default_rng(0)
    same, other = rng.normal(0.6, 0.1, 3_000), rng.normal(0.3, 0.1, 3_000)
    slope, intercept = fit_logistic(
        np.concatenate([same, other]), np.repeat([0.999, 0.001], 3_000), np.ones(6_000)
    )
    # of two normal distributions of one width: log-odds = (m1 - m0) / s^2 * (x - (m1 + m0) / 2)
    assert slope == pytest.approx(30, rel=0.1)
    assert -intercept / slope == pytest.approx(0.45, abs=0.01)


def test_dissimilar_individuals_of_one_name_give_slope_zero():
    # each individual's two views are opposite: a higher similarity makes a match less likely
    centres = unit(np.random.default_rng(1).standard_normal((20, 8)))
    embeddings = np.concatenate([centres, -centres])
    pair = fit_calibration(embeddings, np.tile(np.arange(20), 2)).pair()
    assert pair.slope == 0
    assert pair.probability(0.9) == pytest.approx(0.5, abs=0.05)


def test_few_positive_pairs_get_a_logistic_curve_and_many_an_isotonic_one():
    few, many = (fit_calibration(*individuals(n, 4)).pair() for n in (20, 60))
    assert (few.num_positive_pairs, few.method) == (120, "logistic")
    assert (many.num_positive_pairs, many.method) == (360, "isotonic")


@pytest.mark.parametrize("num_individuals", [8, 80])
def test_a_larger_similarity_is_never_less_probable_and_nothing_is_certain(num_individuals):
    calibration = fit_calibration(*individuals(num_individuals, 5))
    probability = calibration.probability(np.linspace(-1, 1, 501))
    assert (np.diff(probability) >= 0).all()
    assert 0 < probability[0] < 0.01 < 0.9 < probability[-1] < 1


def test_the_isotonic_curve_follows_a_shape_that_no_logistic_one_has():
    # half of the positive pairs are as dissimilar as strangers: above, nearly sure; below, one in three
    rng = np.random.default_rng(0)
    embeddings, who = individuals(200, 4, noise=0.3)
    lost = rng.random(len(who)) < 0.3
    embeddings[lost] = unit(rng.standard_normal((lost.sum(), 32)))
    pair = fit_calibration(embeddings, who).pair()
    of_one = embeddings @ embeddings.T
    same = (who[:, None] == who)[np.triu_indices(len(who), 1)]
    low = of_one[np.triu_indices(len(who), 1)] < 0.2
    positive, negative = (np.mean(low[same == kind]) for kind in (True, False))
    assert pair.probability(0.0) == pytest.approx(positive / (positive + negative), abs=0.05)
    assert pair.probability(0.9) > 0.99


def test_the_same_seed_gives_the_same_calibration():
    embeddings, who = individuals(40, 5)
    fits = [fit_calibration(embeddings, who, seed=3, max_pairs=500) for _ in range(2)]
    assert fits[0] == fits[1]
    assert fits[0] != fit_calibration(embeddings, who, seed=4, max_pairs=500)


@settings(max_examples=10)
@given(order=st.permutations(range(40)))
def test_the_order_of_rows_does_not_change_the_curve(order):
    embeddings, who = individuals(10, 4)
    straight = fit_calibration(embeddings, who).pair()
    mixed = fit_calibration(embeddings[order], who[order]).pair()
    assert (mixed.slope, mixed.intercept) == pytest.approx(
        (straight.slope, straight.intercept), rel=1e-4
    )


def test_the_error_is_measured_on_individuals_that_were_held_out():
    embeddings, who = individuals(40, 5)
    error = fit_calibration(embeddings, who).pair().error
    assert error.num_individuals == 40
    assert error.expected_calibration_error < 0.05
    assert error.brier_score < 0.05
    # shuffled names: nothing can be learnt, and held-out individuals show it
    shuffled = np.random.default_rng(0).permutation(who)
    lost = fit_calibration(embeddings, shuffled).pair().error
    assert lost.brier_score == pytest.approx(0.25, abs=0.02)


# Modalities


def test_each_pattern_that_has_pairs_is_calibrated_on_its_own():
    embeddings, who = individuals(15, 6)
    made_of = np.tile(["image", "image", "audio", "audio", "fused", "fused"], 15)
    calibration = fit_calibration(
        embeddings, who, modalities=made_of, sources=np.tile(np.arange(6), 15)
    )
    assert list(calibration.pairs) == list(PAIR_PATTERNS)
    assert calibration.pair("image-audio").num_positive_pairs == 15 * 4
    assert calibration.pair("fused-fused").num_positive_pairs == 15
    alone = fit_calibration(*individuals(5, 3), modalities="fused")
    with pytest.raises(ValueError, match=r"no pattern 'image-image'; it has fused-fused\."):
        alone.log_odds(0.5)


def test_a_photo_and_the_pair_it_is_in_are_one_source_and_no_pair():
    embeddings, who = individuals(10, 2)
    made_of = np.tile(["image", "fused"], 10)
    with pytest.raises(ValueError, match="the most often seen in 1 sources"):
        fit_calibration(embeddings, who, modalities=made_of, sources=who)


# Strangers


def test_strangers_are_compared_with_the_gallery_alone_and_not_within_a_source():
    rows = rows_of([0, 1, 2], [0, 1, 1])
    is_known = np.array([True, True, False])
    scores = unknown_scores(rows, "image", "image", unit=rows.individual, is_in_gallery=is_known)
    assert scores.scores == pytest.approx([rows.embeddings[0] @ rows.embeddings[2]])
    rows = rows_of([0, 0, 1, 2, 2, 3], range(6))
    is_known = np.arange(6) < 3
    scores = unknown_scores(rows, "image", "image", unit=rows.individual, is_in_gallery=is_known)
    similarity = rows.embeddings @ rows.embeddings.T
    best = [similarity[3:5, :3].max(), similarity[5, :3].max()]
    assert scores.scores == pytest.approx(sorted(best))
    assert scores.num_gallery == 2


def test_across_modalities_either_may_be_the_strangers():
    rows = rows_of([0, 0, 1, 1], range(4), ["image", "fused", "image", "fused"])
    is_known = np.array([True, True, False, False])
    scores = unknown_scores(rows, "image", "fused", unit=rows.individual, is_in_gallery=is_known)
    similarity = rows.embeddings @ rows.embeddings.T
    assert scores.scores == pytest.approx([max(similarity[2, 1], similarity[3, 0])])


def test_individuals_of_one_video_are_one_unit():
    # 0 and 1 in video 0; 1 and 2 in video 1; 3 alone
    units = independent_units(np.array([0, 1, 1, 2, 3]), np.array([0, 0, 1, 1, 2]))
    assert len(set(units[:4])) == 1
    assert units[4] not in units[:4]


def test_galleries_are_drawn_anew_of_as_many_whole_units():
    unit_of = np.repeat(np.arange(50), 3)
    galleries = draw_galleries(unit_of, share=0.4, num=3, rng=np.random.default_rng(0))
    for is_in_gallery in galleries:
        inside, outside = set(unit_of[is_in_gallery]), set(unit_of[~is_in_gallery])
        assert len(inside) == 20
        assert not inside & outside
    assert not np.array_equal(galleries[0], galleries[1])


def test_the_threshold_holds_for_a_gallery_with_a_look_alike_that_the_first_one_lacked():
    # Individual 0 lies in the middle of all others: a gallery with it is matched far more often.
    embeddings, who = individuals(240, 3, noise=0.4, seed=9, size=64)
    middle = unit(np.full(64, 1.0))
    embeddings = unit(embeddings + 2 * middle)
    embeddings[who == 0] = unit(middle + 0.02 * embeddings[who == 0])
    pair = fit_calibration(embeddings.astype(np.float32), who, seed=9, max_pairs=500).pair()
    is_known = np.isin(who, np.arange(120))  # a catalogue of 120 individuals, 0 among them
    others = embeddings[~is_known].reshape(120, 3, 64)
    best = np.einsum("isd,gd->isg", others, embeddings[is_known]).max(axis=(1, 2))
    assert np.mean(best > certify_threshold(pair.unknowns.scores, 0.05).similarity) > 0.05
    assert np.mean(best > pair.unknowns.certify(0.05, 0.95).similarity) <= 0.05


def test_dependent_individuals_cannot_certify_what_independent_ones_do():
    embeddings, who = individuals(120, 3)
    assert fit_calibration(embeddings, who).threshold_at(0.05).num_units == 60
    by_day = fit_calibration(embeddings, who, units=who // 6)
    with pytest.raises(CannotCertifyError, match="have 10"):
        by_day.threshold_at(0.05)


def test_strangers_of_new_worlds_pass_no_more_often_than_promised():
    num_worlds, exceeded = 150, 0
    for seed in range(num_worlds):
        embeddings, who = individuals(700, 2, seed=seed, size=8)
        rows = Rows(embeddings, who, np.arange(1_400), np.full(1_400, "image"))
        rng = np.random.default_rng([seed, 1])
        (is_known,) = draw_galleries(who, share=40 / 700, num=1, rng=rng)
        strangers = unknown_scores(rows, "image", "image", unit=who, is_in_gallery=is_known)
        drawn = rng.permutation(strangers.scores)
        threshold = certify_threshold(drawn[:60], 0.05).similarity
        exceeded += np.mean(drawn[60:] > threshold) > 0.05
    assert exceeded > 0
    assert binomtest(int(exceeded), num_worlds, 0.05, alternative="greater").pvalue > 0.001


# What is refused
