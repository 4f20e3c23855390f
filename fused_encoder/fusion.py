"""Fusion: two branches, either of which may be absent, become one unit vector."""

import keras
from keras import ops

PACKAGE = "fused_encoder"


@keras.saving.register_keras_serializable(package=PACKAGE)
class IsPresent(keras.layers.Layer):
    """True for each item of the batch that holds anything but zeros.

    An all-zero image or an all-zero audio sequence is how a caller says "absent".

    Input shape:
        Any, [batch, ...].
    Output shape:
        bool [batch].
    """

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        return ops.any(ops.not_equal(inputs, 0), axis=tuple(range(1, len(inputs.shape))))

    def compute_output_spec(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        return keras.KerasTensor((inputs.shape[0],), dtype="bool")


class ModalityDropout(keras.layers.Layer):
    """Hides one of two modalities from a share of the training items: the base of both fusions.

    The encoder meets photos without sound and calls without a photo while it learns, and so answers
    sensibly when only one of them is at hand. A modality is hidden only where the other one is
    present: no item loses both.

    Args:
        dropout_rate: float in [0, 1), the share of training items of which one modality, either with
            equal chance, is hidden. Default 0.2.
        seed: int or None, for the choice of what is hidden.
    """

    def __init__(
        self, dropout_rate: float = 0.2, seed: int | None = None, **kwargs: object
    ) -> None:
        super().__init__(**kwargs)
        if not 0 <= dropout_rate < 1:
            raise ValueError(
                f"Expected 'dropout_rate' (modality dropout) in [0, 1), received {dropout_rate}."
            )
        self.dropout_rate = dropout_rate
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def kept(
        self, has_image: keras.KerasTensor, has_audio: keras.KerasTensor, training: bool
    ) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """Which images and which sounds are used, bool [batch] each."""
        if not training or self.dropout_rate == 0:
            return has_image, has_audio
        draw = keras.random.uniform(ops.shape(has_image), seed=self.seed_generator)
        both = ops.logical_and(has_image, has_audio)
        hide_image = ops.logical_and(both, draw < self.dropout_rate / 2)
        hide_audio = ops.logical_and(both, draw >= 1 - self.dropout_rate / 2)
        return (
            ops.logical_and(has_image, ops.logical_not(hide_image)),
            ops.logical_and(has_audio, ops.logical_not(hide_audio)),
        )

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "dropout_rate": self.dropout_rate, "seed": self.seed}


@keras.saving.register_keras_serializable(package=PACKAGE)
class MissingModality(ModalityDropout):
    """Replaces an absent branch's features by a learned token.

    Args are those of `ModalityDropout`.

    Input shape:
        Four tensors: image features float32 [batch, image_size], audio features float32
        [batch, audio_size], image present bool [batch], audio present bool [batch].
    Output shape:
        float32 [batch, image_size] and float32 [batch, audio_size].
    Reference:
        Neverova et al., "ModDrop: adaptive multi-modal gesture recognition", 2014,
        https://arxiv.org/abs/1501.00102 (they drop inputs to zero; here a token takes the place).
    """

    def build(self, input_shape: list[tuple[int | None, ...]]) -> None:
        image_shape, audio_shape = input_shape[:2]
        self.image_token = self.add_weight(
            shape=(image_shape[-1],), initializer="zeros", name="image_token"
        )
        self.audio_token = self.add_weight(
            shape=(audio_shape[-1],), initializer="zeros", name="audio_token"
        )

    def call(
        self, inputs: list[keras.KerasTensor], training: bool = False
    ) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        image, audio, has_image, has_audio = inputs
        has_image, has_audio = self.kept(has_image, has_audio, training)
        image = ops.where(has_image[:, None], image, ops.cast(self.image_token, image.dtype))
        audio = ops.where(has_audio[:, None], audio, ops.cast(self.audio_token, audio.dtype))
        return image, audio

    def compute_output_spec(
        self, inputs: list[keras.KerasTensor], training: bool = False
    ) -> tuple[keras.KerasTensor, ...]:
        return tuple(keras.KerasTensor(x.shape, dtype=self.compute_dtype) for x in inputs[:2])


@keras.saving.register_keras_serializable(package=PACKAGE)
class AddPresent(ModalityDropout):
    """Adds up both branches' features, leaving out what is absent.

    Each branch points where it takes the class to be, as far as it is sure. Args are those of
    `ModalityDropout`.

    Input shape:
        Four tensors: image and audio features float32 [batch, size], image present and audio present
        bool [batch].
    Output shape:
        float32 [batch, size].
    """

    def call(self, inputs: list[keras.KerasTensor], training: bool = False) -> keras.KerasTensor:
        image, audio, has_image, has_audio = inputs
        has_image, has_audio = self.kept(has_image, has_audio, training)
        seen = ops.where(has_image[:, None], image, ops.zeros_like(image))
        heard = ops.where(has_audio[:, None], audio, ops.zeros_like(audio))
        return seen + heard

    def compute_output_spec(
        self, inputs: list[keras.KerasTensor], training: bool = False
    ) -> keras.KerasTensor:
        return keras.KerasTensor(inputs[0].shape, dtype=self.compute_dtype)


def centred_direction(features: keras.KerasTensor, *, name: str) -> keras.KerasTensor:
    """Features less their own mean, brought to unit length: directions compare, loudness does not.

    float32 [..., size], of the same shape; zeros stay zeros.
    """
    centred = keras.layers.LayerNormalization(center=False, scale=False, name=f"{name}_centred")
    return keras.layers.UnitNormalization(name=name)(centred(features))


def concatenated(
    image_features: keras.KerasTensor, audio_features: keras.KerasTensor, *, size: int
) -> keras.KerasTensor:
    """Both branches' features as published: concatenate, Dense 256, BatchNorm, Dense.

    From float32 [batch, image_size] and [batch, audio_size] to float32 [batch, size].
    """
    joined = keras.layers.Concatenate(name="fusion")([image_features, audio_features])
    hidden = keras.layers.Dense(256, "relu", name="fusion_dense")(joined)
    hidden = keras.layers.BatchNormalization(name="fusion_norm")(hidden)
    return keras.layers.Dense(size, name="projection")(hidden)
