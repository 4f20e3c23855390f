"""Ways of asking compared photo by photo and recording by recording, on data placed by hand."""

import numpy as np
import pytest

from inference import Embeddings
from training.comparison import ask_all_ways, with_wrong_files
from training.floors import class_mean_hits, log_probabilities
from training.paired_hits import PairedHits, paired_rows, pooled
from training.pairs import Pairs, draw_pairs, embed_pairs


class Adds:
    """Embeds a pair as `photo_says` of its photo's class, and the rest of its call's."""

    def __init__(self, *media, photo_says):
        self.share = photo_says
        self.class_of = {
            file.feature().tobytes(): file.class_index
            for side in media
            for file in (*side.images, *side.recordings)
        }

    def embed_combinations(self, images, sequences, pairs):
        total = np.zeros((len(pairs), 4))
        for row, (i, j) in zip(total, pairs, strict=True):
            if i >= 0:
                row[self.class_of[np.asarray(images[i]).tobytes()]] += self.share
            if j >= 0:
                row[self.class_of[np.asarray(sequences[j]).tobytes()]] += 1 - self.share
        return Embeddings.of(total / np.linalg.norm(total, axis=1, keepdims=True), "adds")


@pytest.fixture(scope="module")
def compared(sides):
    def compare(photo_says):
        embedder = Adds(*sides, photo_says=photo_says)
        embedded = [embed_pairs(embedder, side, draw_pairs(side, 6, seed=0)) for side in sides]
        return {
            (row.per, row.name): row
            for asked in ask_all_ways(embedder, *embedded, *sides, seed=0)
            for row in asked.compared()
        }

    return compare


def test_each_photo_counts_once_however_many_pairs_it_is_in():
    hits = {
        "fused": np.array([1.0, 1.0, 1.0, 0.0]),  # photo 5 has three pairs, photo 7 one
        "without_sound": np.array([0.0, 0.0, 0.0, 1.0]),
    }
    units, sources = np.array([5, 5, 5, 7]), np.array(["a", "a", "a", "b"])
    fused, without = paired_rows(hits, tuple(hits), "photo", units, sources)
    assert (fused.precision_at_1, without.precision_at_1) == (0.5, 0.5)  # by pairs: 0.75, 0.25
    assert (fused.num, without.difference) == (2, 0.0)
    assert (without.difference_low, without.difference_high) == (-1.0, 1.0)


def test_pooled_splits_count_a_photo_in_each_of_them_and_resample_sources():
    def split(right):
        hits = {"fused": np.array(right), "without_sound": np.array([0.0, 0.0])}
        return PairedHits("photo", hits, np.array([0, 1]), np.array(["a", "b"]))

    fused, without = pooled([split([1.0, 0.0]), split([1.0, 0.0])]).compared()
    assert (fused.num, fused.precision_at_1) == (4, 0.5)
    assert (without.difference_low, without.difference_high) == (0.0, 1.0)  # two sources, not four


def test_an_interval_is_of_the_difference_and_not_of_each_way_by_itself():
    right = np.arange(40) % 2.0
    hits = {"fused": right, "image_only": right}  # each is unsure, their difference is not
    rows = paired_rows(hits, tuple(hits), "photo", np.arange(40), np.arange(40).astype(str))
    assert (rows[1].difference_low, rows[1].difference_high) == (0.0, 0.0)


def test_photos_of_one_source_and_unanswerable_pairs_promise_nothing():
    hits = {"fused": np.array([1.0, 1.0, np.nan]), "image_only": np.array([0.0, 1.0, np.nan])}
    sources = np.array(["tape", "tape", "other"])
    rows = paired_rows(hits, tuple(hits), "photo", np.arange(3), sources)
    assert (rows[1].difference, rows[1].num) == (0.5, 2)
    assert np.isnan(rows[1].difference_low)


def test_wrong_calls_are_of_another_class_and_the_photos_stay():
    labels = np.array(list("aabbcc"))
    numbers = np.arange(6)
    pairs = Pairs(numbers, numbers, labels, labels, labels)
    for seed in range(5):
        wrong = with_wrong_files(pairs, "recordings", np.random.default_rng(seed))
        assert (labels[wrong.recordings] != labels).all()
        assert wrong.images.tolist() == numbers.tolist()


def test_where_the_call_has_no_say_it_adds_nothing_and_a_wrong_one_harms_nothing(compared):
    rows = compared(photo_says=0.9)
    for name in ("without_sound", "image_only", "wrong_sound"):
        row = rows["photo", name]
        assert (row.difference, row.difference_low, row.difference_high) == (0.0, 0.0, 0.0)


def test_where_the_call_decides_a_wrong_one_misleads_and_a_wrong_photo_does_not(compared):
    rows = compared(photo_says=0.1)
    assert rows["photo", "fused"].precision_at_1 == 1
    assert rows["photo", "wrong_sound"].precision_at_1 == 0
    assert rows["photo", "wrong_sound"].difference == 1
    assert rows["recording", "wrong_photo"].difference == 0


def test_the_floors_are_always_there(compared):
    rows = compared(photo_says=0.5)
    names = {"class_mean", "logistic"}
    assert {("photo", f"image_{name}") for name in names} < rows.keys()
    assert {("recording", f"audio_{name}") for name in names} < rows.keys()
    assert rows["photo", "both_logistic"].num == rows["photo", "fused"].num
    assert all(0 <= row.precision_at_1 <= 1 for row in rows.values())


def test_added_log_probabilities_decide_where_each_feature_alone_cannot():
    labels, sources = np.repeat(list("abcd"), 4), np.arange(16).astype(str)
    rng = np.random.default_rng(0)

    def features(angles):  # two classes share each angle
        turned = np.radians(np.repeat(angles, 4) + rng.normal(0, 3, 16))
        return np.stack([np.cos(turned), np.sin(turned)], axis=1)

    seen, heard = features([0, 0, 90, 90]), features([0, 90, 0, 90])
    classes, of_photos = log_probabilities(seen, labels, seen, sources)
    _, of_calls = log_probabilities(heard, labels, heard, sources)
    right = [
        np.mean(classes[scores.argmax(axis=1)] == labels)
        for scores in (of_photos, of_calls, of_photos + of_calls)
    ]
    assert max(right[:2]) < 0.8
    assert right[2] == 1
    assert class_mean_hits(seen, np.repeat(list("xy"), 8), seen, np.repeat(list("xy"), 8)).all()
