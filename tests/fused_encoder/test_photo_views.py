"""A photo becomes several views, and their average."""

import keras
import numpy as np

from fused_encoder.photo import prepare_photo
from fused_encoder.photo_views import AverageViews, PhotoViews


def photos(num=2, size=20):
    return np.random.default_rng(0).random((num, size, size, 3), np.float32)


def test_a_photo_becomes_its_views_one_after_another():
    batch = photos()
    views = np.array(PhotoViews((1.0, 0.5))(batch))
    assert views.shape == (8, 20, 20, 3)
    assert np.allclose(views[0], batch[0])
    assert np.allclose(views[1], batch[0][:, ::-1])
    assert np.allclose(views[4], batch[1])


def test_without_flips_left_stays_left():
    layer = PhotoViews((1.0, 0.5), flip=False)
    views = np.array(layer(photos()))
    assert views.shape == (4, 20, 20, 3)
    assert np.allclose(views[::2], photos())
    assert PhotoViews.from_config(layer.get_config()).num_views == 2


def test_a_zoom_shows_the_middle():
    photo = np.zeros((1, 20, 20, 3), np.float32)
    photo[:, 5:15, 5:15] = 1.0
    assert np.allclose(np.array(PhotoViews((0.5,))(photo)), 1.0)


def test_views_and_average_keep_to_their_shapes_and_configs():
    image = keras.Input((20, 20, 3))
    views = PhotoViews((1.0, 0.75))
    pooled = keras.layers.GlobalAveragePooling2D()(views(image))
    model = keras.Model(image, AverageViews(views.num_views)(pooled))
    assert model(photos(3)).shape == (3, 3)
    again = PhotoViews.from_config(views.get_config())
    assert again.zooms == (1.0, 0.75)


def test_a_photo_gets_the_encoders_size():
    photo = prepare_photo(np.full((300, 400, 3), 7, np.uint8))
    assert photo.shape == (224, 224, 3)
    assert (photo == 7).all()
