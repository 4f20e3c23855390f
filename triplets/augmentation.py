"""Augmentation: light variations of photos that leave the animal recognisable."""

import tensorflow as tf

MAX_ZOOM = 0.2
MAX_BRIGHTNESS = 0.15
MAX_CONTRAST = 0.25


def augment_photos(photos: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Each photo mirrored by chance, zoomed in by up to a fifth, and made lighter or darker.

    An absent photo (all zeros) stays absent.

    Args:
        photos: float32 [batch, height, width, 3], RGB in [0, 1].
        seed: int [2]; the same seed gives the same variation.

    Returns:
        float32 [batch, height, width, 3], RGB in [0, 1].
    """
    shape = tf.shape(photos)
    draws = tf.random.stateless_uniform((6, shape[0]), seed, -1.0, 1.0)
    boxes = _boxes(zoom=MAX_ZOOM * tf.abs(draws[0]), shift=draws[1:3])
    varied = tf.image.crop_and_resize(photos, boxes, tf.range(shape[0]), shape[1:3])
    flipped = tf.where((draws[3] > 0)[:, None, None, None], tf.reverse(varied, [2]), varied)
    contrast = 1.0 + MAX_CONTRAST * draws[4][:, None, None, None]
    brightness = MAX_BRIGHTNESS * draws[5][:, None, None, None]
    mean = tf.reduce_mean(flipped, axis=(1, 2), keepdims=True)
    lit = tf.clip_by_value((flipped - mean) * contrast + mean + brightness, 0.0, 1.0)
    present = tf.reduce_any(photos != 0, axis=(1, 2, 3), keepdims=True)
    return tf.where(present, lit, photos)


def _boxes(zoom: tf.Tensor, shift: tf.Tensor) -> tf.Tensor:
    """Crop boxes (top, left, bottom, right) in [0, 1], float32 [batch, 4], each inside the photo."""
    top = zoom * (shift[0] + 1) / 2
    left = zoom * (shift[1] + 1) / 2
    return tf.stack([top, left, top + 1 - zoom, left + 1 - zoom], axis=1)
