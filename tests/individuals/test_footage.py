import pytest

from individuals.footage import group_videos
from tests.inference.vectors import on_circle


def test_individuals_are_counted_per_video_and_linked_across():
    # Video a: a bird at 0 (twice) and one at 90; video b: the bird at 90 again; video c: nothing.
    count = group_videos(
        on_circle(0, 3, 90, 93), ["a", "a", "a", "b"], threshold=0.9, all_videos=["a", "b", "c"]
    )
    assert (count.num_individuals, count.per_video) == (2, {"a": 2, "b": 1, "c": 0})
    assert count.links == {1: ("a", "b")}
    assert count.labels.tolist() == [0, 0, 1, 1]
    assert count.estimand == "distinct individuals in this footage"


def test_frames_and_tracklets_of_different_videos_are_different():
    count = group_videos(
        on_circle(0, 0, 180), ["a", "b", "b"], threshold=0.9, frames=[7, 7, 7], tracklets=[0, 0, 1]
    )
    assert count.labels.tolist() == [0, 0, 1]


def test_two_animals_of_one_frame_stay_two_across_all_videos():
    embeddings = on_circle(0, 1, 0.5, 0.5)
    count = group_videos(embeddings, ["a", "a", "b", "c"], threshold=-1, frames=[4, 4, 9, 9])
    assert (count.num_individuals, count.per_video["a"]) == (2, 2)
    assert count.labels[0] != count.labels[1]
    [conflict] = count.conflicts
    assert conflict.rows == (0, 1)


def test_each_video_is_grouped_before_videos_are_linked():
    # Alone, a's 0 and 40 join (cos 40 = 0.77). All at once, b's 45 would take 40 first, and 0 would stay out
    # of {40, 45}: (cos 40 + cos 45) / 2 = 0.74. Afterwards b's mean to {0, 40} is (0.71 + 0.99) / 2 = 0.85.
    count = group_videos(on_circle(0, 40, 45), ["a", "a", "b"], threshold=0.75)
    assert (count.num_individuals, count.per_video) == (1, {"a": 1, "b": 1})


def test_a_cannot_link_reaches_through_a_must_link_in_another_video():
    # Rows 0 and 1 look alike, but 1 is known to be the bird of row 2, which is not that of row 0.
    count = group_videos(
        on_circle(0, 1, 1), ["a", "a", "b"], threshold=0.9, must_link=[(1, 2)], cannot_link=[(0, 2)]
    )
    assert count.labels.tolist() == [0, 1, 1]


def test_contradictions_of_all_videos_come_in_one_message():
    with pytest.raises(ValueError, match=r"2 places.*rows 0 and 1 .*rows 2 and 3"):
        group_videos(
            on_circle(0, 1, 2, 3),
            list("aabb"),
            threshold=0,
            frames=[1, 1, 1, 1],
            tracklets=[5, 5, 5, 5],
        )


def test_lengths_must_fit():
    with pytest.raises(ValueError, match="received 1 videos"):
        group_videos(on_circle(0, 1), ["a"], threshold=0.5)
    with pytest.raises(ValueError, match="2 videos and 1 frames"):
        group_videos(on_circle(0, 1), ["a", "a"], threshold=0.5, frames=[1])


def test_ties_across_videos_never_lead_into_a_contradiction():
    # One bird is known in a and b (rows 1 and 2); a could add row 0 to it, b row 3, but not both.
    count = group_videos(
        on_circle(0, 1, 1, 2), list("aabb"), threshold=0.9, must_link=[(1, 2)], cannot_link=[(0, 3)]
    )
    assert count.num_individuals == 2
    assert count.labels[0] != count.labels[3]


def test_without_a_calibration_intervals_are_what_is_certain():
    # Video a: two animals in one frame, and a third tracklet; video b: one tracklet of two rows.
    count = group_videos(
        on_circle(0, 90, 1, 91, 92),
        list("aaabb"),
        threshold=0.9,
        frames=[1, 1, 2, 1, 2],
        tracklets=[0, 1, 2, 0, 0],
        all_videos=["c"],
    )
    bounds = {
        video: (interval.low, interval.high, interval.confidence)
        for video, interval in count.intervals.items()
    }
    assert bounds == {"a": (2, 3, None), "b": (1, 1, None), "c": (0, 0, None)}
    assert (count.interval.low, count.interval.high, count.num_individuals) == (2, 4, 2)


def test_the_certain_minimum_reaches_across_videos_by_what_is_known():
    # Two animals of a's frame, of which neither is the one in b.
    count = group_videos(
        on_circle(0, 90, 45),
        list("aab"),
        threshold=0.9,
        frames=[1, 1, 1],
        cannot_link=[(0, 2), (1, 2)],
    )
    assert (count.interval.minimum, count.interval.maximum) == (3, 3)
