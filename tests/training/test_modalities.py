"""Photos only, recordings only, and classes of either kind side by side: trained, evaluated, exported."""

import numpy as np
import pytest
import tensorflow as tf

from fused_encoder.front_ends.yamnet import as_front_end
from inference import Embedder, export_saved_model
from training import (
    PairBatches,
    TrainingOptions,
    calibrate_held_out,
    evaluate_encoder,
    recommended_encoder,
    train_encoder,
)
from training.evaluation_record import evaluation_record
from triplets import LabelledFiles, scan_folders

OPTIONS = TrainingOptions(PairBatches(4, 2, steps_per_epoch=3), epochs=1, held_out_fraction=0.4)


def _trained(files, yamnet, store):
    encoder = recommended_encoder(
        image_backbone="small_cnn" if files.images else None,
        image_weights=None,
        audio_size=as_front_end(yamnet).embedding_size,
    )
    return train_encoder(
        yamnet=yamnet, files=files, encoder=encoder, options=OPTIONS, store=store, progress=False
    )


def _exported(trained, yamnet, folder):
    live = Embedder.from_encoder(trained.encoder, yamnet)
    evaluation = evaluate_encoder(live, trained.training, trained.held_out, encoder=trained.encoder)
    calibration = calibrate_held_out(live, trained.held_out)
    attached = {"thresholds": evaluation.thresholds, "calibration": calibration}
    export_saved_model(trained.encoder, yamnet, folder, **attached)
    return evaluation, live, Embedder.load(folder)


def test_an_encoder_of_photos_only_hears_nothing_and_says_so(aviary, store, tmp_path):
    trained = _trained(scan_folders(aviary.images), None, store)
    evaluation, live, loaded = _exported(trained, None, tmp_path / "encoder")
    assert [*evaluation.rows] == ["image_only", "raw_pixels"]
    embedded = evaluation.queries.by_pattern
    np.testing.assert_array_equal(embedded["fused"], embedded["image"])
    assert np.isnan(embedded["audio"]).all()  # never the embedding of something else
    assert evaluation.thresholds.keys() == {"image"}
    names = [row.name for row in evaluation.comparisons]
    assert names == ["image_only", "image_class_mean", "image_logistic"]
    assert evaluation_record(evaluation)["image_only_num_queries"] == len(trained.held_out.images)
    photos = [file.path for file in trained.held_out.images[:3]]
    np.testing.assert_allclose(loaded.embed(photos), live.embed(photos), atol=1e-5)
    with pytest.raises(ValueError, match="trained on photos only: it cannot embed recordings"):
        loaded.embed(recordings=[next(aviary.audio.rglob("*.flac"))])
    model = tf.saved_model.load(tmp_path / "encoder")
    sound = np.ones((1, 16_000), np.float32).cumsum(1) / 2e4
    with pytest.raises(tf.errors.InvalidArgumentError, match="trained on photos only"):
        model.embed(np.zeros((1, 8, 8, 3), np.uint8), sound)


def test_an_encoder_of_recordings_only_sees_nothing_and_says_so(aviary, yamnet, store, tmp_path):
    trained = _trained(scan_folders(None, aviary.audio), yamnet, store)
    assert trained.encoder.count_params() < 500_000  # no image backbone
    evaluation, live, loaded = _exported(trained, yamnet, tmp_path / "encoder")
    assert [*evaluation.rows] == ["audio_only", "raw_audio_sequence"]
    assert np.isnan(evaluation.queries.by_pattern["image"]).all()
    assert {row.per for row in evaluation.comparisons} == {"recording"}
    calls = [file.path for file in trained.held_out.recordings[:3]]
    np.testing.assert_allclose(
        loaded.embed(recordings=calls), live.embed(recordings=calls), atol=1e-5
    )
    with pytest.raises(ValueError, match="trained on recordings only: it cannot embed photos"):
        loaded.embed([next(aviary.images.rglob("*.jpg"))])


def test_classes_with_photos_only_and_recordings_only_stand_side_by_side(aviary, yamnet, store):
    both = scan_folders(aviary.images, aviary.audio)
    files = LabelledFiles(
        both.class_names,
        tuple(file for file in both.images if file.class_index != 0),
        tuple(file for file in both.recordings if file.class_index != 1),
    )
    trained = _trained(files, yamnet, store)
    live = Embedder.from_encoder(trained.encoder, yamnet)
    evaluation = evaluate_encoder(live, trained.training, trained.held_out)
    assert evaluation.main_row == "fused"
    pairs = evaluation.queries.pairs
    no_photos, no_calls, *_ = (pairs.labels == name for name in both.class_names)
    assert pairs.images[no_photos].max() == pairs.recordings[no_calls].max() == -1
    assert len(evaluation.classes) == 4
    compared = {row.num for row in evaluation.comparisons if row.per == "photo"}
    with_both = sum(file.class_index in (2, 3) for file in trained.held_out.images)
    assert compared == {with_both}
