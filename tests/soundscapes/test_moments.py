"""Overlapping clips are averaged moment by moment, whatever comes first and however it is cut."""

import numpy as np
import pytest

from soundscapes.ensemble import combine_scores, common_classes
from soundscapes.moments import MomentGrid, SegmentScores, moment_seconds


def averaged_by_loops(clips, step, num_moments, num_classes):
    """Each moment sampled at a thousand instants: which clip's moment lies there?"""
    means = np.full((num_moments, num_classes), np.nan)
    for moment in range(num_moments):
        sums, count = np.zeros(num_classes), 0
        for instant in (moment + (np.arange(1000) + 0.5) / 1000) * step:
            for start, seconds, logits in clips:
                place = int(np.floor((instant - start) / seconds))
                if 0 <= place < len(logits):
                    sums, count = sums + logits[place], count + 1
        if count:
            means[moment] = sums / count
    return means


@pytest.mark.parametrize("shift", [0.0, 0.21])
def test_moments_are_the_means_of_what_clips_say_of_them(shift):
    rng = np.random.default_rng(0)
    clips = [(start + shift, 0.5, rng.normal(size=(6, 2))) for start in (0.0, 1.5, 3.0, 7.0)]
    grid = MomentGrid(0.5, 2)
    parts = []
    for clip in clips:
        grid.add(*clip)
        parts.append(grid.take_before(clip[0]))
    parts.append(grid.take_rest(10.0))
    expected = averaged_by_loops(clips, 0.5, 20, 2)
    np.testing.assert_allclose(np.concatenate(parts), expected, atol=0.02)


def test_a_coarse_network_speaks_for_every_finer_moment():
    grid = MomentGrid(0.5, 1)
    grid.add(0.0, 1.5, np.array([[1.0], [4.0]]))
    assert grid.take_rest(3.0).ravel().tolist() == [1, 1, 1, 4, 4, 4]


def test_a_segment_has_its_highest_moment_and_silence_has_no_score():
    segments = SegmentScores(1.0, 2.0, 1)
    segments.add(np.array([[0.1], [0.4], [np.nan]], np.float32))
    segments.add(np.array([[np.nan], [0.2]], np.float32))
    np.testing.assert_allclose(segments.take(3).ravel(), [0.4, np.nan, 0.2])


def test_moments_longer_than_a_segment_are_divided():
    assert moment_seconds(3.0, 5.0) == 3.0
    assert moment_seconds(12.0, 5.0) == 4.0


def test_an_ensemble_is_the_mean_the_lowest_or_the_mean_rank_of_those_who_heard():
    one, two = [[0.2], [0.9], [np.nan]], [[0.6], [0.1], [0.5]]
    np.testing.assert_allclose(combine_scores([one, two]).ravel(), [0.4, 0.5, 0.5])
    np.testing.assert_allclose(combine_scores([one, two], "min").ravel(), [0.2, 0.1, 0.5])
    ranks = [(1 / 2 + 3 / 3) / 2, (2 / 2 + 1 / 3) / 2, 2 / 3]
    np.testing.assert_allclose(combine_scores([one, two], "rank").ravel(), ranks, rtol=1e-6)
    assert np.isnan(combine_scores([[[np.nan]], [[np.nan]]], "mean")).all()


def test_classes_are_brought_into_one_order_and_others_refused():
    first, second = common_classes([("a", "b", "c"), ("c", "a", "b")])
    assert first.tolist() == [0, 1, 2]
    assert second.tolist() == [1, 2, 0]
    with pytest.raises(ValueError, match=r"classifier 2 lacks \['b'\], has besides \['d'\]"):
        common_classes([("a", "b"), ("a", "d")])
