"""Augmentation: another photo of the same animal, in the same form."""

import numpy as np
import pytest

from triplets.photos import augment_photo


@pytest.fixture
def photo() -> np.ndarray:
    """A bright disc on a darker ground, redder to the left."""
    rows, columns = np.mgrid[:96, :128]
    disc = np.hypot(rows - 48, columns - 64) < 24
    return np.stack([60 + columns // 2, 80 + 120 * disc, 90 + 60 * disc], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("seed", range(20))
def test_the_form_stays_and_the_content_varies(photo, seed):
    varied = augment_photo(photo, np.random.default_rng(seed))
    assert (varied.shape, varied.dtype) == (photo.shape, np.uint8)
    assert not np.array_equal(varied, photo)
    assert abs(float(varied.mean()) - float(photo.mean())) < 50


def test_the_same_generator_state_gives_the_same_variation(photo):
    once, again, other = (augment_photo(photo, np.random.default_rng(s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(once, again)
    assert not np.array_equal(once, other)


@pytest.mark.parametrize("seed", range(20))
def test_an_absent_photo_stays_absent_and_a_very_dark_one_present(seed):
    dark = np.zeros((32, 32, 3), np.uint8)
    assert not augment_photo(dark, np.random.default_rng(seed)).any()
    dark[5, 5] = 1
    assert augment_photo(dark, np.random.default_rng(seed)).any()


def test_the_photo_that_came_in_is_left_as_it_was(photo):
    before = photo.copy()
    photo.setflags(write=False)
    augment_photo(photo, np.random.default_rng(0))
    np.testing.assert_array_equal(photo, before)


@pytest.mark.parametrize(("flip", "least", "most"), [(True, 35, 65), (False, 0, 0)])
def test_about_half_of_the_photos_are_flipped_or_none(photo, flip, least, most):
    def is_flipped(seed: int) -> bool:
        red = augment_photo(photo, np.random.default_rng(seed), flip=flip)[..., 0].astype(float)
        return red[:, :30].mean() > red[:, -30:].mean()

    assert least <= sum(is_flipped(seed) for seed in range(100)) <= most


def test_what_comes_into_view_at_the_edges_is_no_black_border():
    flat = np.full((64, 64, 3), 128, np.uint8)
    for seed in range(20):
        varied = augment_photo(flat, np.random.default_rng(seed))
        assert varied.min() == varied.max()
