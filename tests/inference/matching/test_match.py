import numpy as np
import pytest

from inference.matching import Keypoints, Matching, RootSift, match_photos, match_shortlist
from media import load_image


@pytest.fixture(scope="module")
def points(herd):
    features = RootSift(longest_side_px=400)
    return {name: features(load_image(path)) for name, path in herd.items()}


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def random_points(num, seed):
    rng = np.random.default_rng(seed)
    places = rng.random((num, 2), np.float32)
    return Keypoints(places, np.full(num, 0.02, np.float32), unit(rng.random((num, 16))))


def test_points_are_unit_vectors_within_the_margins(points):
    for found in points.values():
        assert 20 < len(found) <= 600
        assert np.allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-5)
        assert (found.places >= 0.04).all()
        assert found.places[:, 1].max() <= 0.86


def test_a_photo_without_anything_to_see_has_no_points_and_shares_nothing(points):
    nothing = RootSift()(np.full((50, 80, 3), 120, np.uint8))
    assert len(nothing) == 0
    assert nothing.vectors.shape == (0, 128)
    for one, other in ((nothing, points[0, 0]), (points[0, 0], nothing)):
        assert match_photos(one, other).score == 0


def test_photos_of_one_animal_share_more_than_those_of_two(points):
    for individual in range(6):
        others = [points[other, 1] for other in range(6)]
        scores = [match.score for match in match_shortlist(points[individual, 0], others)]
        assert np.argmax(scores) == individual


def test_shared_points_lie_where_the_animal_moved_to(points):
    match = match_photos(points[2, 0], points[2, 1])
    assert len(match) >= 10
    assert np.abs(match.places[:, 0] - match.places[:, 1]).max() < 0.1


def slow_pairs(query, other, matching):
    """(row, row) of mutual nearest neighbours within reach, by nested loops."""

    def distance(a, b):
        apart = np.abs(query.places[a] - other.places[b]).max()
        return (
            2.0 if apart > matching.reach else np.linalg.norm(query.vectors[a] - other.vectors[b])
        )

    table = np.array([[distance(a, b) for b in range(len(other))] for a in range(len(query))])
    near = table.argmin(1)
    return {
        (a, b) for a, b in enumerate(near) if table[:, b].argmin() == a and table[a, b] < 2
    }, table


def test_pairs_are_those_of_the_slow_version():
    query, others = random_points(30, 0), [random_points(25, seed) for seed in range(1, 7)]
    matching = Matching(reach=0.3, tolerance=10.0, num_common=2)  # every pair fits
    tables = [slow_pairs(query, other, matching) for other in others]
    common = np.sort([table.min(1) for _, table in tables], axis=0)[2]
    for match, other, (pairs, table) in zip(
        match_shortlist(query, others, matching), others, tables, strict=True
    ):
        expected = {
            (*query.places[a].tolist(), *other.places[b].tolist()): common[a] - table[a, b]
            for a, b in pairs
            if table[a, b] < common[a]
        }
        if len(expected) < 4:
            assert len(match) == 0
            continue
        found = dict(
            zip(
                map(tuple, match.places.reshape(-1, 4).tolist()), match.distinctiveness, strict=True
            )
        )
        assert found.keys() == expected.keys()
        assert np.allclose([found[key] for key in expected], list(expected.values()), atol=1e-5)


def test_what_many_photos_show_tells_nothing(points):
    """The same photo, in all of the shortlist, is no evidence for any of it."""
    query, same = points[0, 0], points[0, 1]
    alone = match_shortlist(query, [same, points[1, 1], points[2, 1], points[3, 1], points[4, 1]])[
        0
    ]
    assert alone.score > 0
    assert all(match.score == 0 for match in match_shortlist(query, [same] * 5))


def test_the_order_of_a_shortlist_does_not_matter(points):
    others = [points[other, 2] for other in range(6)]
    scores = [match.score for match in match_shortlist(points[0, 0], others)]
    turned = [match.score for match in match_shortlist(points[0, 0], others[::-1])]
    assert np.allclose(scores, turned[::-1])


def test_an_empty_shortlist_has_no_matches(points):
    assert match_shortlist(points[0, 0], []) == []


@pytest.mark.parametrize(
    "option", [{"reach": 0}, {"size_ratio": 0.5}, {"num_common": 0}, {"tolerance": 0}]
)
def test_options_out_of_range_are_refused(option):
    with pytest.raises(ValueError, match="Expected reach > 0"):
        Matching(**option)


@pytest.mark.parametrize(
    "option", [{"longest_side_px": 8}, {"num_points": 0}, {"margins": (0.5, 0, 0.5, 0)}]
)
def test_features_out_of_range_are_refused(option):
    with pytest.raises(ValueError, match="Expected"):
        RootSift(**option)


def test_points_of_other_features_are_refused(points):
    with pytest.raises(ValueError, match=r"received vectors of the sizes \[16, 128\]"):
        match_photos(points[0, 0], random_points(5, 0))
