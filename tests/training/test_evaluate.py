from dataclasses import replace

import numpy as np
import pytest

from inference import Embeddings
from inference.embed import Embedder
from training import evaluate_encoder
from training.evaluate import draw_pairs, embed_pairs

ROWS = {
    "fused",
    "without_sound",
    "without_photo",
    "image_only",
    "audio_only",
    "raw_pixels",
    "raw_audio_sequence",
}


class KnowsClasses:
    """Embeds every photo and recording as the unit vector of its true class."""

    def __init__(self, *media):
        self.calls = 0
        self.class_of = {
            file.feature().tobytes(): file.class_index
            for side in media
            for file in (*side.images, *side.recordings)
        }

    def embed_features(self, images, sequences):
        self.calls += 1
        classes = [
            self.class_of[np.asarray(image if image is not None else sequence).tobytes()]
            for image, sequence in zip(images, sequences, strict=True)
        ]
        return Embeddings.of(np.eye(4)[classes], "perfect")


@pytest.fixture(scope="module")
def perfect(trained):
    embedder = KnowsClasses(trained.training, trained.held_out)
    return evaluate_encoder(embedder, trained.training, trained.held_out)


def test_a_perfect_embedder_finds_every_class(perfect):
    for name in ROWS - {"raw_pixels", "raw_audio_sequence"}:
        assert perfect.rows[name]["precision_at_1"] == 1.0
        assert perfect.rows[name]["mean_average_precision_at_r"] == pytest.approx(1.0)
    assert perfect.interval == (1.0, 1.0)


def test_thresholds_of_a_perfect_embedder_lie_between_the_classes(perfect):
    assert set(perfect.thresholds) == {"fused", "image", "audio"}
    assert all(0 < threshold < 1 for threshold in perfect.thresholds.values())


def test_a_trained_encoder_has_all_rows_within_0_and_1(trained, yamnet):
    embedder = Embedder.from_encoder(trained.encoder, yamnet)
    evaluation = evaluate_encoder(embedder, trained.training, trained.held_out)
    assert set(evaluation.rows) == ROWS
    for row in evaluation.rows.values():
        for name in ("precision_at_1", "r_precision", "mean_average_precision_at_r"):
            assert 0 <= row[name] <= 1
    low, high = evaluation.interval
    assert 0 <= low <= evaluation.rows["fused"]["precision_at_1"] <= high <= 1
    assert all(-1 <= threshold <= 1 for threshold in evaluation.thresholds.values())


def test_files_on_both_sides_are_refused(trained):
    leaked = replace(trained.held_out, images=trained.training.images[:1])
    with pytest.raises(
        ValueError, match=r"1 files are on both sides .*Split with split_by_source\."
    ):
        evaluate_encoder(KnowsClasses(), trained.training, leaked)


def test_without_two_held_out_files_of_a_class_the_gallery_helps_to_measure_the_threshold(trained):
    held_out = trained.held_out
    first = {file.class_index: file for file in reversed(held_out.images)}
    single = replace(held_out, images=tuple(first[index] for index in range(4)))
    embedder = KnowsClasses(trained.training, single)
    evaluation = evaluate_encoder(embedder, trained.training, single)
    assert set(evaluation.thresholds) == {"fused", "image", "audio"}
    assert 0 < evaluation.thresholds["image"] < 1  # classes are orthogonal


def test_pairs_join_a_photo_and_a_recording_of_one_class(trained):
    media = trained.training
    pairs = draw_pairs(media, 5, seed=0)
    of_images = [media.class_names[media.images[i].class_index] for i in pairs.images]
    of_recordings = [media.class_names[media.recordings[i].class_index] for i in pairs.recordings]
    assert of_images == of_recordings == pairs.labels.tolist()
    assert np.unique(pairs.labels, return_counts=True)[1].tolist() == [5, 5, 5, 5]


def test_no_pair_is_drawn_twice_and_the_same_seed_draws_the_same(trained):
    pairs = draw_pairs(trained.training, 7, seed=3)
    drawn = list(zip(pairs.images.tolist(), pairs.recordings.tolist(), strict=True))
    assert len(set(drawn)) == len(drawn)
    again = draw_pairs(trained.training, 7, seed=3)
    assert drawn == list(zip(again.images.tolist(), again.recordings.tolist(), strict=True))


def test_only_the_patterns_asked_for_are_embedded(trained):
    embedder = KnowsClasses(trained.training)
    pairs = draw_pairs(trained.training, 2, seed=0)
    embedded = embed_pairs(embedder, trained.training, pairs, ("image",))
    assert list(embedded.by_pattern) == ["image"]
    assert embedder.calls == 1
