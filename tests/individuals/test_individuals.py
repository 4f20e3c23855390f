from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from individuals.group import Grouping, group_individuals
from tests.inference.vectors import on_circle, random_unit


def partition(grouping: Grouping) -> set[frozenset[int]]:
    return {frozenset(rows.tolist()) for rows in grouping.members()}


def slow_grouping(
    embeddings: np.ndarray,
    threshold: float,
    apart: set[tuple[int, int]],
    together: Sequence[tuple[int, int]],
) -> set[frozenset[int]]:
    """Straight from the definition: compare every two groups, pair by pair, join the best, begin again."""
    groups = [{row} for row in range(len(embeddings))]
    for a, b in together:
        first, second = (next(g for g in groups if row in g) for row in (a, b))
        if first is not second:
            groups.remove(second)
            first |= second

    def may_join(one: set[int], other: set[int]) -> bool:
        return not any((a, b) in apart or (b, a) in apart for a in one for b in other)

    cosines = embeddings.astype(float) @ embeddings.T.astype(float)

    def similarity(pair: tuple[set[int], set[int]]) -> float:
        return float(np.mean([cosines[a, b] for a in pair[0] for b in pair[1]]))

    while pairs := [pair for pair in combinations(groups, 2) if may_join(*pair)]:
        best = max(pairs, key=similarity)
        if similarity(best) < threshold:
            break
        groups.remove(best[1])
        best[0].update(best[1])
    return {frozenset(group) for group in groups}


@settings(max_examples=150)
@given(
    num=st.integers(1, 14),
    size=st.integers(2, 6),
    threshold=st.floats(-0.9, 0.9),
    num_apart=st.integers(0, 8),
    num_together=st.integers(0, 3),
    seed=st.integers(0, 10**6),
)
def test_grouping_agrees_with_nested_loops(num, size, threshold, num_apart, num_together, seed):
    embeddings = random_unit(num, size, seed)
    generator = np.random.default_rng(seed)
    together = [(int(a), int(b)) for a, b in generator.integers(0, num, (num_together, 2))]
    tied = slow_grouping(embeddings, 2.0, set(), together)
    apart = {
        (int(a), int(b))
        for a, b in generator.integers(0, num, (num_apart, 2))
        if not any({a, b} <= group for group in tied)
    }
    found = group_individuals(
        embeddings, threshold=threshold, must_link=together, cannot_link=apart
    )
    assert partition(found) == slow_grouping(embeddings, threshold, apart, together)


def test_points_on_a_circle_join_while_the_mean_similarity_is_high_enough():
    # 0 and 20 join first (cos 20 = 0.94); with 50 their mean is (cos 50 + cos 30) / 2 = 0.754.
    embeddings = on_circle(0, 20, 50)
    assert group_individuals(embeddings, threshold=0.75).labels.tolist() == [0, 0, 0]
    assert group_individuals(embeddings, threshold=0.76).labels.tolist() == [0, 0, 1]
    assert group_individuals(embeddings, threshold=0.95).labels.tolist() == [0, 1, 2]


def test_no_embeddings_are_no_individuals():
    grouping = group_individuals(np.empty((0, 8)), threshold=0.5, tracklets=[], frames=[])
    assert (grouping.num_individuals, grouping.labels.shape, grouping.members()) == (0, (0,), [])


@settings(max_examples=50)
@given(num=st.integers(2, 40), seed=st.integers(0, 10**6))
def test_no_individual_is_twice_in_one_frame_even_if_everything_may_join(num, seed):
    generator = np.random.default_rng(seed)
    frames = generator.integers(0, max(1, num // 3), num).tolist()
    grouping = group_individuals(random_unit(num, 4, seed), threshold=-1, frames=frames)
    seen = list(zip(grouping.labels.tolist(), frames, strict=True))
    assert len(seen) == len(set(seen))


def test_a_tracklet_is_one_individual_and_counts_as_one_observation():
    # The tracklet at 0 and 60 degrees pools to 30; at 100 degrees it is 70 away whichever frame was near.
    embeddings, tracklets = on_circle(0, 60, 100), ["t", "t", None]
    assert group_individuals(embeddings, threshold=0.35, tracklets=tracklets).num_individuals == 2
    assert group_individuals(embeddings, threshold=0.33, tracklets=tracklets).num_individuals == 1


def test_a_long_tracklet_does_not_outvote_a_short_one():
    # The groups {0 (100 frames), 40 (1 frame)} and 80: the mean of cos 80 and cos 40 is 0.47.
    embeddings = on_circle(*[0] * 100, 40, 80)
    tracklets = ["long"] * 100 + ["short", "other"]
    grouping = group_individuals(
        embeddings, threshold=0.46, tracklets=tracklets, must_link=[(0, 100)]
    )
    assert grouping.num_individuals == 1


def test_a_poor_view_counts_less_in_its_tracklet():
    # Pooled evenly the tracklet lies at 30 degrees; if the view at 60 is poor, at 0.05 / 1.05 of that way.
    embeddings, tracklets = on_circle(0, 60, 90), ["t", "t", None]
    even = group_individuals(embeddings, threshold=0.45, tracklets=tracklets)
    options = {"tracklets": tracklets, "qualities": [1.0, 0.0, 1.0]}
    weighted = group_individuals(embeddings, threshold=0.45, **options)
    assert (even.num_individuals, weighted.num_individuals) == (1, 2)


@pytest.mark.parametrize("qualities", [[0.5], [0.5, 1.5], [0.5, float("nan")], [[0.5, 0.5]]])
def test_qualities_that_do_not_fit_are_refused(qualities):
    with pytest.raises(ValueError, match=r"qualities must be 2 numbers in \[0, 1\], received"):
        group_individuals(on_circle(0, 90), threshold=0.5, qualities=qualities)


def test_a_flock_of_look_alikes_in_one_frame_is_as_many_animals():
    grouping = group_individuals(on_circle(*[10] * 60), threshold=0.9, frames=["f"] * 60)
    assert grouping.num_individuals == 60
    assert len(grouping.conflicts) == 60 * 59 // 2


def test_look_alikes_that_were_seen_together_are_listed_as_conflicts():
    frames = [("a.mp4", 3), ("a.mp4", 3), ("a.mp4", 4)]
    grouping = group_individuals(on_circle(0, 10, 120), threshold=0.8, frames=frames)
    [conflict] = grouping.conflicts
    assert (conflict.first, conflict.second, conflict.rows) == (0, 1, (0, 1))
    assert conflict.similarity == pytest.approx(np.cos(np.radians(10)), abs=1e-6)


@settings(max_examples=40)
@given(num=st.integers(2, 40), seed=st.integers(0, 10**6))
def test_the_order_of_the_rows_does_not_matter(num, seed):
    generator = np.random.default_rng(seed)
    embeddings, order = random_unit(num, 5, seed), generator.permutation(num)
    tracklets, frames = np.arange(num) // 3, np.arange(num) % 3 + 100 * (np.arange(num) // 9)
    plain, mixed = (
        group_individuals(
            embeddings[rows], threshold=0.3, tracklets=[*tracklets[rows]], frames=[*frames[rows]]
        )
        for rows in (np.arange(num), order)
    )
    assert {frozenset(order[list(rows)].tolist()) for rows in partition(mixed)} == partition(plain)


def test_all_contradictions_are_told_at_once_with_their_rows():
    with pytest.raises(ValueError, match="contradict each other in 3 places") as caught:
        group_individuals(
            on_circle(0, 1, 2, 3, 4, 5),
            threshold=0.5,
            must_link=[(0, 1), (1, 2)],
            cannot_link=[(0, 2), (3, 3)],
            tracklets=[None, None, None, None, "t7", "t7"],
            frames=[None, None, None, None, 12, 12],
        )
    for part in (
        "rows 0 and 2 must be apart (cannot_link) and together (linked 0-1, 1-2)",
        "rows 3 and 3 must be apart (cannot_link) and together (it is one row)",
        "rows 4 and 5 must be apart (in one frame) and together (both are in the tracklet 't7')",
        "Remove one side of each",
    ):
        assert part in str(caught.value)


def test_very_many_contradictions_are_counted():
    with pytest.raises(ValueError, match=r"in 45 places.*and 25 more\. Remove one side"):
        group_individuals(
            on_circle(*range(10)), threshold=0, tracklets=["t"] * 10, frames=["f"] * 10
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 1.5}, r"mean cosine similarity in \[-1, 1\], received 1.5"),
        ({"threshold": float("nan")}, "received nan"),
        ({"must_link": [(0, 2)]}, r"must_link must hold pairs of rows, .* first is \(0, 2\)"),
        ({"cannot_link": [(0, 1, 1)]}, "cannot_link must hold pairs"),
        ({"tracklets": ["t"]}, "tracklets must hold one value .* 2 rows, received 1"),
        ({"frames": [1, 2, 3]}, "frames must hold one value .* 2 rows, received 3"),
    ],
)
def test_what_does_not_fit_is_refused(options, message):
    with pytest.raises(ValueError, match=message):
        group_individuals(on_circle(0, 90), **({"threshold": 0.5} | options))
