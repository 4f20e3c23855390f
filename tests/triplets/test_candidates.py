"""Candidates: which pairs are drawn, and which of them can be anchors."""

from pathlib import Path

import numpy as np
import pytest

from triplets import PreparedFile, PreparedMedia
from triplets.candidates import CandidatePairs, draw_candidate_pairs, make_candidates


def _media(num_images: int, num_recordings: int, *, copied: bool = False) -> PreparedMedia:
    """Two classes alike, files of which are all different, or in twos alike."""

    def files(kind: str, number: int) -> tuple[PreparedFile, ...]:
        return tuple(
            PreparedFile(Path("x"), c, f"{kind} {c} {i // 2 if copied else i}", Path("unused"))
            for c in range(2)
            for i in range(number)
        )

    return PreparedMedia(("a", "b"), files("photo", num_images), files("call", num_recordings))


@pytest.mark.parametrize("shape", [(2, 3), (4, 4), (6, 4), (1, 5), (5, 1)])
def test_asked_for_all_each_combination_is_drawn_once(shape):
    images, recordings = draw_candidate_pairs(_media(*shape), 1000)
    pairs = set(zip(images.tolist(), recordings.tolist(), strict=True))
    assert len(pairs) == len(images) == 2 * shape[0] * shape[1]


@pytest.mark.parametrize("shape", [(2, 3), (4, 4), (6, 4), (3, 7)])
def test_by_default_every_file_is_in_a_pair_and_none_much_oftener_than_others(shape):
    images, recordings = draw_candidate_pairs(_media(*shape))
    assert len(images) == 2 * max(shape)
    for drawn, number in ((images, shape[0]), (recordings, shape[1])):
        counts = np.bincount(drawn, minlength=2 * number)
        assert counts.min() >= 1
        assert counts.max() - counts.min() <= 1


def test_pairs_are_of_one_class_and_the_seed_decides_which():
    media = _media(5, 4)
    (images, recordings), again, other = (draw_candidate_pairs(media, 4, seed=s) for s in (0, 0, 1))
    np.testing.assert_array_equal(images // 5, recordings // 4)
    np.testing.assert_array_equal(again, (images, recordings))
    assert not np.array_equal(other, (images, recordings))


def test_copies_are_drawn_as_one_file():
    images, recordings = draw_candidate_pairs(_media(4, 6, copied=True), 100)
    assert set(images.tolist()) == {0, 2, 4, 6}
    assert set(recordings.tolist()) == {0, 2, 4, 6, 8, 10}


@pytest.mark.parametrize("seed", range(5))
def test_anchors_are_those_that_have_a_positive(seed):
    media = _media(4, 4, copied=True)
    rng = np.random.default_rng(seed)
    images, recordings = rng.integers(0, 4, (2, 3))
    images, recordings = np.append(images, [4, 6]), np.append(recordings, [4, 6])
    candidates = make_candidates(media, CandidatePairs(images, recordings, np.eye(5)))
    photos, calls = images // 2, recordings // 2
    expected = [
        i
        for i in range(3)
        if any(photos[i] != photos[j] and calls[i] != calls[j] for j in range(3))
    ]
    assert candidates.anchors(0).tolist() == expected
    assert candidates.anchors(1).tolist() == [3, 4]


def test_columns_of_different_length_and_one_pair_of_a_class_are_refused():
    with pytest.raises(ValueError, match=r"one of each per candidate pair.*, received 2, 2 and 3"):
        CandidatePairs(np.arange(2), np.arange(2), np.eye(3))
    with pytest.raises(ValueError, match="Expected num_pairs_per_class >= 2, received 1"):
        draw_candidate_pairs(_media(2, 2), 1)
