"""The head start: against the slow obvious regression, and that it puts classes where they belong."""

from dataclasses import replace

import numpy as np
import pytest

from tests.training.conftest import frozen_encoder
from training import TrainingOptions
from training.frozen_features import trained_part
from training.head_start import Ridge, classifier, start_head
from triplets.photos import scale_photos


@pytest.fixture(scope="module")
def cloud():
    """Features around four class means, two to each source."""
    rng = np.random.default_rng(0)
    classes = np.repeat(np.arange(4), [4, 6, 8, 6])
    features = rng.standard_normal((4, 20))[classes] + rng.standard_normal((24, 20))
    return features / np.linalg.norm(features, axis=1, keepdims=True), classes, np.arange(24) // 2


def slow_ridge(features, classes, penalty, *, kept, counted):
    """Normal equations over the kept rows, every class alike."""
    num_classes = classes.max() + 1
    weight = counted / num_classes / np.bincount(classes)[classes]
    targets = np.eye(num_classes)[classes] - 1 / num_classes
    weighted = (features * weight[:, None])[kept]
    squares = features[kept].T @ weighted + penalty * np.eye(features.shape[1])
    return np.linalg.solve(squares, weighted.T @ targets[kept])


def test_the_weights_are_those_of_the_normal_equations(cloud):
    features, classes, _ = cloud
    slow = slow_ridge(features, classes, 0.3, kept=np.full(24, True), counted=24)
    np.testing.assert_allclose(Ridge(features, classes).weights(0.3), slow, atol=1e-9)


def test_scores_of_what_is_left_out_are_those_of_a_regression_without_it(cloud):
    features, classes, sources = cloud
    scores = Ridge(features, classes).left_out(0.3, sources)
    for source in np.unique(sources):
        out = sources == source
        slow = slow_ridge(features, classes, 0.3, kept=~out, counted=24)
        np.testing.assert_allclose(scores[out], features[out] @ slow, atol=1e-9)


def test_features_that_say_more_of_the_class_get_the_larger_scale(cloud):
    features, classes, sources = cloud
    noise = np.random.default_rng(1).standard_normal(features.shape)
    mixed = [features + share * noise for share in (0, 0.2, 2)]
    scales = [classifier(one, classes, sources, 4).scale for one in mixed]
    assert scales == sorted(scales, reverse=True)


def test_a_class_without_features_gets_no_scores(cloud):
    features, classes, sources = cloud
    found = classifier(features, classes, sources, 6)
    assert not found.weights[:, 4:].any()
    assert found.weights[:, :4].any()


def test_one_source_to_a_class_is_enough_to_start(cloud):
    features, classes, _ = cloud
    found = classifier(features, classes, classes, 4)
    assert np.isfinite(found.weights).all()


@pytest.fixture(scope="module")
def encoder():
    return frozen_encoder()


def started(encoder, media, store, seed=0):
    part = trained_part(encoder, media, None, TrainingOptions(), store, False)
    return part, start_head(part, media, max_frames=1000, seed=seed)


@pytest.mark.parametrize("left_out", ["nothing", "images", "recordings"])
def test_files_of_a_class_point_along_its_axis(encoder, media, store, left_out):
    if left_out != "nothing":
        media = replace(media, **{left_out: ()})
    part, axes = started(encoder, media, store)

    def embed(photo, sequence):
        return part.encoder({"image_input": photo[None], "audio_input": sequence[None]})[0]

    no_photo, no_sound = np.zeros(part.photos.shape), np.zeros((2, 1024))
    seen = [embed(part.photos.load(i, None), no_sound) for i in range(len(media.images))]
    heard = [embed(no_photo, np.array(file.feature())) for file in media.recordings]
    embedded = np.stack([*seen, *heard])
    classes = [file.class_index for file in (*media.images, *media.recordings)]
    assert axes.shape == (len(media.class_names), 128)
    assert np.mean((embedded @ axes.T).argmax(axis=1) == classes) > 0.9


def test_the_same_seed_gives_the_same_start(encoder, media, store):
    kernels = []
    for seed in (0, 0, 1):
        part, _ = started(encoder, media, store, seed)
        kernels.append(part.encoder.get_layer("image_head").get_weights()[0])
    np.testing.assert_array_equal(kernels[0], kernels[1])
    assert (kernels[0] != kernels[2]).any()


def test_more_classes_than_axes_share_them(media, store):
    _, axes = started(frozen_encoder(embedding_size=4), media, store)
    assert axes.shape == (4, 4)
    assert np.linalg.matrix_rank(axes) == 3


@pytest.mark.parametrize("cache_frozen", [True, False])
def test_where_the_last_block_is_trained_too_the_head_starts_first(media, store, cache_frozen):
    encoder = frozen_encoder(image_trainable="last_block")
    options = TrainingOptions.fine_tuning(cache_frozen=cache_frozen)
    part = trained_part(encoder, media, None, options, store, False)
    axes = start_head(part, media, max_frames=1000)
    photos = np.stack([part.photos.load(index, None) for index in range(len(media.images))])
    silence = np.zeros((len(photos), 2, 1024))
    embedded = part.encoder({"image_input": scale_photos(photos), "audio_input": silence})
    classes = [file.class_index for file in media.images]
    assert np.mean((np.asarray(embedded) @ axes.T).argmax(axis=1) == classes) > 0.9


@pytest.mark.parametrize("options", [{"fusion": "concatenate"}, {"image_trainable": "all"}])
def test_an_encoder_with_more_to_learn_begins_as_it_is(media, store, options):
    encoder = frozen_encoder(**({"photo_views": "one"} | options))
    before = encoder.get_weights()
    _, axes = started(encoder, media, store)
    assert axes is None
    for old, new in zip(before, encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
