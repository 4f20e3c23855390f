from dataclasses import replace

import numpy as np
import pytest

from inference import Embeddings
from inference.embed import Embedder
from tests.training.conftest import new_encoder
from training import evaluate_encoder

RAW = {"raw_pixels", "raw_audio_sequence"}
ROWS = {"fused", "without_sound", "without_photo", "image_only", "audio_only"} | RAW


class KnowsClasses:
    """Embeds every photo and recording as the unit vector of its true class, some files apart.

    Args:
        media: whose classes it knows.
        mistakes: files by whose path it is misled, and the class it takes them for.
    """

    def __init__(self, *media, mistakes=None):
        self.class_of = {
            file.feature().tobytes(): (mistakes or {}).get(file.path, file.class_index)
            for side in media
            for file in (*side.images, *side.recordings)
        }

    def embed_combinations(self, images, sequences, pairs):
        files = [images[i] if i >= 0 else sequences[j] for i, j in pairs]
        classes = [self.class_of[np.asarray(file).tobytes()] for file in files]
        return Embeddings.of(np.eye(4)[classes], "perfect")


@pytest.fixture(scope="module")
def perfect(sides):
    return evaluate_encoder(KnowsClasses(*sides), *sides)


@pytest.fixture(scope="module")
def misled(sides):
    """One held-out photo of the first class is taken for the third."""
    return evaluate_encoder(KnowsClasses(*sides, mistakes={sides[1].images[0].path: 2}), *sides)


def test_a_perfect_embedder_finds_every_class(perfect):
    for name in ROWS - RAW:
        assert perfect.rows[name]["precision_at_1"] == 1.0
        assert perfect.rows[name]["mean_average_precision_at_r"] == pytest.approx(1.0)
    assert perfect.interval == (1.0, 1.0)
    assert np.array_equal(perfect.confusion, np.diag(perfect.confusion.diagonal()))


def test_rows_of_one_modality_ask_each_file_once(perfect, sides):
    gallery, queries = sides
    num_pairs = len(perfect.gallery.pairs.labels)
    expected = {
        "fused": (len(perfect.queries.pairs.labels), num_pairs),
        "without_sound": (len(queries.images), num_pairs),
        "without_photo": (len(queries.recordings), num_pairs),
        "image_only": (len(queries.images), len(gallery.images)),
        "raw_pixels": (len(queries.images), len(gallery.images)),
        "audio_only": (len(queries.recordings), len(gallery.recordings)),
        "raw_audio_sequence": (len(queries.recordings), len(gallery.recordings)),
    }
    rows = perfect.rows
    assert {n: (r["num_queries"], r["num_gallery"]) for n, r in rows.items()} == expected


def test_one_bad_photo_fails_once_among_photos_and_in_each_of_its_pairs(misled, sides):
    queries = sides[1]
    num_wrong = np.sum(misled.queries.pairs.images == 0)
    num_pairs = len(misled.queries.pairs.labels)
    assert misled.rows["fused"]["precision_at_1"] == pytest.approx(1 - num_wrong / num_pairs)
    for name in ("image_only", "without_sound"):
        assert misled.rows[name]["precision_at_1"] == pytest.approx(1 - 1 / len(queries.images))
    assert misled.rows["audio_only"]["precision_at_1"] == 1


def test_classes_and_confusions_name_who_was_taken_for_whom(misled):
    first, third = misled.class_names[0], misled.class_names[2]
    result = misled.classes[0]
    assert (result.name, result.taken_for) == (first, third)
    assert misled.confusion[0, 2] == result.num_taken_for > 0
    assert result.precision_at_1 == pytest.approx(1 - result.num_taken_for / result.num_queries)
    assert [other.precision_at_1 for other in misled.classes[1:]] == [1, 1, 1]


def test_an_encoder_has_all_rows_within_0_and_1_and_in_their_intervals(sides, yamnet):
    encoder = new_encoder()
    evaluation = evaluate_encoder(Embedder.from_encoder(encoder, yamnet), *sides, encoder=encoder)
    assert set(evaluation.rows) == ROWS  # its backbone is trained: no floor
    for row in evaluation.rows.values():
        for name in ("precision_at_1", "r_precision", "mean_average_precision_at_r"):
            assert 0 <= row[f"{name}_low"] <= row[name] <= row[f"{name}_high"] <= 1
        assert row["chance_precision_at_1"] == pytest.approx(0.25)
    assert all(-1 <= threshold <= 1 for threshold in evaluation.thresholds.values())


def test_a_backbone_that_was_not_trained_is_a_floor(sides):
    encoder = new_encoder(image_trainable="none")
    evaluation = evaluate_encoder(KnowsClasses(*sides), *sides, encoder=encoder)
    row = evaluation.rows["raw_image_features"]
    assert (row["num_queries"], row["num_gallery"]) == tuple(len(s.images) for s in sides[::-1])
    assert list(evaluation.rows)[-3:] == ["raw_pixels", "raw_image_features", "raw_audio_sequence"]


def test_files_on_both_sides_are_refused(sides):
    leaked = replace(sides[1], images=sides[0].images[:1])
    with pytest.raises(ValueError, match=r"1 files are on both sides .*Split with split_by_source"):
        evaluate_encoder(KnowsClasses(), sides[0], leaked)


def test_photos_may_ask_a_gallery_of_pairs(sides):
    silent = replace(sides[1], recordings=())
    evaluation = evaluate_encoder(KnowsClasses(*sides), sides[0], silent)
    assert {"without_sound", "image_only"} <= evaluation.rows.keys()
    assert not {"fused", "without_photo", "audio_only"} & evaluation.rows.keys()


def test_a_side_without_files_is_refused(sides):
    empty = replace(sides[1], images=(), recordings=())
    with pytest.raises(ValueError, match="The query side holds no photo and no recording"):
        evaluate_encoder(KnowsClasses(*sides), sides[0], empty)


def test_with_one_source_there_is_no_interval(sides):
    gallery, queries = sides
    single = replace(queries, images=queries.images[:1], recordings=queries.recordings[:1])
    evaluation = evaluate_encoder(KnowsClasses(gallery, single), gallery, single)
    assert np.isnan(evaluation.interval).all()
    assert np.isnan(evaluation.rows["image_only"]["r_precision_low"])


def test_without_two_held_out_files_of_a_class_the_gallery_helps_to_measure_the_threshold(sides):
    gallery, queries = sides
    first = {file.class_index: file for file in reversed(queries.images)}
    single = replace(queries, images=tuple(first[index] for index in range(4)))
    evaluation = evaluate_encoder(KnowsClasses(gallery, single), gallery, single)
    assert set(evaluation.thresholds) == {"fused", "image", "audio"}
    assert 0 < evaluation.thresholds["image"] < 1  # classes are orthogonal
