"""Photo views: a backbone looks at a photo several times, closer and mirrored, and the looks are averaged."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import ops

ZOOMS = (1.0, 0.875, 0.75, 0.6)
"""The shares of a photo's sides that `photo_views="zooms"` looks at, around the middle."""


@keras.saving.register_keras_serializable(package="fused_encoder")
class PhotoViews(keras.layers.Layer):
    """Each photo as several: the whole and its middle, enlarged, each also flipped left to right.

    Whoever takes a photo of an animal puts it in the middle, and often far away. What a network sees of
    the whole photo and of its middle, averaged, is a steadier description than either.

    Args:
        zooms: floats in (0, 1], the share of each side that is kept, around the middle.
        flip: whether each is also flipped. Without it a left flank and a right flank stay apart.

    Input shape:
        float32 [batch, height, width, channels].
    Output shape:
        float32 [batch * num_views, height, width, channels], a photo's views one after another;
        num_views = 2 * len(zooms), or len(zooms) without flips.
    Raises:
        ValueError: no zoom, or one outside (0, 1].
    """

    def __init__(
        self, zooms: Sequence[float] = ZOOMS, *, flip: bool = True, **kwargs: object
    ) -> None:
        super().__init__(**kwargs)
        if not zooms or not all(0 < zoom <= 1 for zoom in zooms):
            raise ValueError(f"Expected zooms in (0, 1], at least one, received {tuple(zooms)}.")
        self.zooms = tuple(zooms)
        self.flip = flip

    @property
    def num_views(self) -> int:
        """How many views a photo becomes."""
        return (1 + self.flip) * len(self.zooms)

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        height, width, channels = inputs.shape[1:]
        views = []
        for zoom in self.zooms:
            view = _middle(inputs, zoom)
            views += [view, ops.flip(view, axis=2)] if self.flip else [view]
        return ops.reshape(ops.stack(views, axis=1), (-1, height, width, channels))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch = input_shape[0]
        return (None if batch is None else batch * self.num_views, *input_shape[1:])

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "zooms": self.zooms, "flip": self.flip}


@keras.saving.register_keras_serializable(package="fused_encoder")
class AverageViews(keras.layers.Layer):
    """The mean over a photo's `num_views` views, of what a backbone made of each.

    Input shape:
        float32 [batch * num_views, size], a photo's views one after another.
    Output shape:
        float32 [batch, size].
    """

    def __init__(self, num_views: int, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.num_views = num_views

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        by_photo = ops.reshape(inputs, (-1, self.num_views, inputs.shape[-1]))
        return ops.mean(by_photo, axis=1)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        batch = input_shape[0]
        return (None if batch is None else batch // self.num_views, *input_shape[1:])

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "num_views": self.num_views}


def _middle(photos: keras.KerasTensor, zoom: float) -> keras.KerasTensor:
    """The middle of photos, enlarged to their size."""
    if zoom == 1:
        return photos
    height, width = photos.shape[1:3]
    rows, columns = round(height * zoom), round(width * zoom)
    top, left = (height - rows) // 2, (width - columns) // 2
    middle = photos[:, top : top + rows, left : left + columns]
    return ops.image.resize(
        middle, (height, width), interpolation="bilinear", data_format="channels_last"
    )
