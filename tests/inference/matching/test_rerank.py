import shutil

import numpy as np
import pytest

from inference import Embeddings
from inference.index import EmbeddingIndex, Hit
from inference.matching import (
    KeypointStore,
    RootSift,
    draw_match,
    fit_match_calibration,
    fit_on_known,
    load_match_calibration,
    rerank,
    save_match_calibration,
)
from media import UnreadableMediaError, load_image

FEATURES = RootSift(longest_side_px=400)


@pytest.fixture(scope="module")
def embeddings(herd):
    """Embeddings that say little: individuals lie close together."""
    rng = np.random.default_rng(0)
    vectors = [np.eye(6)[who] * 0.6 + rng.normal(0, 0.5, 6) for who, _ in herd]
    return Embeddings.of(
        np.array(vectors) / np.linalg.norm(vectors, axis=1, keepdims=True), "spots-1"
    )


@pytest.fixture(scope="module")
def calibration(herd, embeddings, tmp_path_factory):
    who = [str(individual) for individual, _ in herd]
    sources = [f"{individual} {encounter}" for individual, encounter in herd]
    return fit_on_known(
        list(herd.values()),
        embeddings,
        who,
        sources,
        num_nearest=10,
        features=FEATURES,
        directory=tmp_path_factory.mktemp("points"),
    )


@pytest.fixture
def search(herd, embeddings, tmp_path):
    """The hits of a photo, by an index of all photos of other encounters."""

    def hits(name, k=10):
        with EmbeddingIndex.open(tmp_path / "herd.index") as index:
            for row, (key, path) in enumerate(herd.items()):
                if key != name:
                    metadata = {"class": str(key[0]), "image": str(path)}
                    index.add([path.name], embeddings[row : row + 1], [metadata])
            return index.search(embeddings[list(herd).index(name)][None], k=k)[0]

    return hits


def test_the_individual_of_the_query_comes_first(herd, search, calibration, tmp_path):
    hits = search((3, 0), k=17)
    ranked = rerank(herd[3, 0], hits, calibration, features=FEATURES, directory=tmp_path)
    assert [one.hit.metadata["class"] for one in ranked[:2]] == ["3", "3"]
    assert {one.hit.id for one in ranked} == {hit.id for hit in hits}
    probabilities = [one.probability for one in ranked]
    assert probabilities == sorted(probabilities, reverse=True)
    assert 0 < probabilities[-1] < probabilities[0] < 1


def test_a_calibration_comes_back_from_its_file(calibration, tmp_path):
    path = save_match_calibration(tmp_path / "matching.json", calibration)
    loaded = load_match_calibration(path)
    assert loaded == calibration
    assert loaded.fingerprint == "spots-1"


def test_probability_rises_with_both_scores_and_adds_up_their_evidence(calibration):
    shown = calibration.probability([[0.1], [0.5], [0.9]], [[0.0, 0.5, 3.0]])
    assert (np.diff(shown, axis=0) > 0).all()
    assert (np.diff(shown, axis=1) > 0).all()
    odds = shown / (1 - shown)
    assert np.allclose(odds * odds[0, 0], odds[:, :1] * odds[:1])


def test_probabilities_are_as_often_right_as_they_say():
    rng = np.random.default_rng(1)
    is_same = rng.random(20_000) < 0.1
    similarity = rng.normal(np.where(is_same, 0.7, 0.5), 0.1)
    local = rng.lognormal(np.where(is_same, 1, -1), 1)
    calibration = fit_match_calibration(similarity, local, is_same, features="any")
    shown = calibration.probability(similarity, local)
    for low, high in ((0, 0.1), (0.1, 0.4), (0.4, 0.7), (0.7, 1)):
        inside = (shown >= low) & (shown < high)
        assert shown[inside].mean() == pytest.approx(is_same[inside].mean(), abs=0.05)


def test_too_few_pairs_are_refused():
    with pytest.raises(ValueError, match="at least 10 pairs of photos of one individual"):
        fit_match_calibration([0.5] * 30, [1.0] * 30, [True] * 3 + [False] * 27, features="any")
    with pytest.raises(ValueError, match="of one length"):
        fit_match_calibration([0.5] * 3, [1.0] * 2, [True] * 3, features="any")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 99}', '{"schema": 1, "whole": 3}'])
def test_a_damaged_calibration_is_refused(tmp_path, text):
    (tmp_path / "matching.json").write_text(text)
    with pytest.raises(ValueError, match="Cannot read the matching calibration"):
        load_match_calibration(tmp_path / "matching.json")


def test_photos_that_are_gone_are_named(herd, calibration, tmp_path):
    hits = [Hit(name, 0.5, {"image": str(tmp_path / name)}) for name in ("a.jpg", "b.jpg")]
    with pytest.raises(FileNotFoundError, match=r"2 of the 2 photos are not where.*a\.jpg'"):
        rerank(herd[0, 0], hits, calibration, features=FEATURES, directory=tmp_path)


def test_hits_without_a_photo_are_refused(herd, calibration):
    hits = [Hit("a.wav", 0.5, {"image": None}), Hit("b", 0.4)]
    with pytest.raises(ValueError, match="2 of 2 hits have no photo"):
        rerank(herd[0, 0], hits, calibration, features=FEATURES)


def test_another_kind_of_points_than_calibrated_is_refused(herd, calibration):
    with pytest.raises(ValueError, match="of the local features 'rootsift-400"):
        rerank(herd[0, 0], [], calibration)


class Counting:
    """Features that count how often they are asked."""

    name = "counting"
    num = 0

    def __call__(self, photo):
        self.num += 1
        return FEATURES(photo)


def test_points_are_found_once_for_each_content_and_box(herd, tmp_path):
    features = Counting()
    store = KeypointStore(features, tmp_path / "points")
    first = store.get(herd[0, 0])
    moved = shutil.copy(herd[0, 0], tmp_path / "moved.png")
    again = KeypointStore(features, tmp_path / "points").get(moved)
    assert features.num == 1
    for part in ("places", "sizes", "vectors"):
        assert np.array_equal(getattr(first, part), getattr(again, part))
    store.get(herd[0, 0], (0, 0, 200, 300))
    assert features.num == 2


def test_damaged_points_are_found_anew(herd, tmp_path):
    features = Counting()
    store = KeypointStore(features, tmp_path)
    store.get(herd[0, 0])
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:100])
    assert len(store.get(herd[0, 0])) > 0
    assert features.num == 2


def test_what_cannot_be_described_is_told(herd, tmp_path):
    store = KeypointStore(FEATURES, tmp_path)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        store.get(tmp_path / "gone.jpg")
    with pytest.raises(UnreadableMediaError):
        store.get(tmp_path)
    (tmp_path / "text.jpg").write_text("no photo")
    with pytest.raises(UnreadableMediaError):
        store.get(tmp_path / "text.jpg")
    with pytest.raises(ValueError, match=r"leaves nothing of .* which is 400 x 300 pixels"):
        store.get(herd[0, 0], (500, 0, 600, 100))


def test_a_match_is_drawn_as_two_photos_with_lines(herd, search, calibration, tmp_path):
    best = rerank(herd[3, 0], search((3, 0)), calibration, features=FEATURES, directory=tmp_path)[0]
    photos = load_image(herd[3, 0]), load_image(best.photo)
    picture = draw_match(*photos, best.match, height_px=150)
    assert picture.dtype == np.uint8
    assert picture.shape == (150, 200 + 8 + 200, 3)
    is_line = (picture[..., 0] > 200) & (picture[..., 2] < 60)
    assert is_line[:, :200].any()
    assert is_line[:, 200:208].any()
    assert is_line[:, 208:].any()
