"""Photo sources: what a dataset's photos are read from."""

import numpy as np

from triplets.photos import StoredPhotos, load_photos, scale_photos


def test_a_stored_photo_is_what_the_store_holds(media):
    photos = StoredPhotos(media)
    assert (photos.shape, photos.dtype) == ((224, 224, 3), np.uint8)
    np.testing.assert_array_equal(photos.load(3, None), media.images[3].feature())


def test_a_generator_gives_variations_that_it_alone_decides(media):
    photos = StoredPhotos(media)
    first, again, other = (photos.load(0, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.dtype == np.uint8


def test_another_variation_can_be_given(media):
    photos = StoredPhotos(media, augment=lambda photo, rng: photo[:, ::-1])
    mirrored = photos.load(1, np.random.default_rng(0))
    np.testing.assert_array_equal(mirrored, media.images[1].feature()[:, ::-1])


def test_an_absent_photo_is_all_zeros(media):
    loaded = load_photos(StoredPhotos(media), np.array([2, -1]), None)
    np.testing.assert_array_equal(loaded[0], media.images[2].feature())
    assert not loaded[1].any()


def test_pixels_become_unit_range_and_features_stay():
    assert scale_photos(np.array([0, 255], np.uint8)).tolist() == [0.0, 1.0]
    features = scale_photos(np.array([0.5, 300.0], np.float16))
    assert (features.dtype, features.tolist()) == (np.float32, [0.5, 300.0])
