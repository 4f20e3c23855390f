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
        """One truth for each item, bool [batch]."""
        return keras.KerasTensor((inputs.shape[0],), dtype="bool")


@keras.saving.register_keras_serializable(package=PACKAGE)
class MissingModality(keras.layers.Layer):
    """Replaces an absent branch's features by a learned token, and hides branches in training.

    With modality dropout the encoder meets photos without sound and calls without a photo while it
    learns, and so answers sensibly when only one of them is at hand. A branch is hidden only where
    the other one is present: no item ever loses both.

    Args:
        dropout_rate: float in [0, 1), the share of training items of which one branch, either with
            equal chance, is hidden. Default 0.2.
        seed: int or None, for the choice of what is hidden.

    Input shape:
        Four tensors: image features float32 [batch, image_size], audio features float32
        [batch, audio_size], image present bool [batch], audio present bool [batch].
    Output shape:
        float32 [batch, image_size] and float32 [batch, audio_size].
    Reference:
        Neverova et al., "ModDrop: adaptive multi-modal gesture recognition", 2014,
        https://arxiv.org/abs/1501.00102 (they drop inputs to zero; here a token takes the place).
    """

    def __init__(
        self, dropout_rate: float = 0.2, seed: int | None = None, **kwargs: object
    ) -> None:
        super().__init__(**kwargs)
        _check_rate(dropout_rate)
        self.dropout_rate = dropout_rate
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

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
        if training and self.dropout_rate > 0:
            has_image, has_audio = _hide_one(
                has_image, has_audio, self.dropout_rate, self.seed_generator
            )
        image = ops.where(has_image[:, None], image, ops.cast(self.image_token, image.dtype))
        audio = ops.where(has_audio[:, None], audio, ops.cast(self.audio_token, audio.dtype))
        return image, audio

    def compute_output_spec(
        self, inputs: list[keras.KerasTensor], training: bool = False
    ) -> tuple[keras.KerasTensor, keras.KerasTensor]:
        """The shapes of both branches' features."""
        image, audio = inputs[:2]
        return (
            keras.KerasTensor(image.shape, dtype=self.compute_dtype),
            keras.KerasTensor(audio.shape, dtype=self.compute_dtype),
        )

    def get_config(self) -> dict[str, object]:
        return {**super().get_config(), "dropout_rate": self.dropout_rate, "seed": self.seed}


@keras.saving.register_keras_serializable(package=PACKAGE)
class AddPresent(keras.layers.Layer):
    """Adds up what was seen and what was heard, leaving out what is absent, and hides branches in training.

    Each branch points where it takes the class to be, as far as it is sure; what is absent adds nothing.
    Modality dropout is as in `MissingModality`: with a rate of 2/3 a batch holds as many pairs as photos
    alone and calls alone, and each branch has to stand for itself.

    Args:
        dropout_rate: float in [0, 1), the share of training items of which one branch is hidden.
        seed: int or None, for the choice of what is hidden.

    Input shape:
        Four tensors: image and audio features float32 [batch, size], image present and audio present
        bool [batch].
    Output shape:
        float32 [batch, size].
    """

    def __init__(
        self, dropout_rate: float = 0.2, seed: int | None = None, **kwargs: object
    ) -> None:
        super().__init__(**kwargs)
        _check_rate(dropout_rate)
        self.dropout_rate = dropout_rate
        self.seed = seed
        self.seed_generator = keras.random.SeedGenerator(seed)

    def call(self, inputs: list[keras.KerasTensor], training: bool = False) -> keras.KerasTensor:
        """The sum, see the class."""
        image, audio, has_image, has_audio = inputs
        if training and self.dropout_rate > 0:
            has_image, has_audio = _hide_one(
                has_image, has_audio, self.dropout_rate, self.seed_generator
            )
        seen = ops.where(has_image[:, None], image, ops.zeros_like(image))
        heard = ops.where(has_audio[:, None], audio, ops.zeros_like(audio))
        return seen + heard

    def compute_output_spec(
        self, inputs: list[keras.KerasTensor], training: bool = False
    ) -> keras.KerasTensor:
        """The shape of the sum."""
        return keras.KerasTensor(inputs[0].shape, dtype=self.compute_dtype)

    def get_config(self) -> dict[str, object]:
        """The arguments, as given."""
        return {**super().get_config(), "dropout_rate": self.dropout_rate, "seed": self.seed}


def add_up(
    seen: keras.KerasTensor,
    heard: keras.KerasTensor,
    present: list[keras.KerasTensor],
    *,
    modality_dropout: float,
    seed: int | None,
) -> keras.KerasTensor:
    """Both branches as one unit vector: their sum, brought to unit length.

    Args:
        seen: float32 [batch, embedding_size].
        heard: float32 [batch, embedding_size].
        present: image present and audio present, bool [batch] each.
        modality_dropout: float in [0, 1).
        seed: int or None.

    Returns:
        float32 [batch, embedding_size], unit length.
    """
    total = AddPresent(modality_dropout, seed, name="fusion")([seen, heard, *present])
    return keras.layers.UnitNormalization(dtype="float32", name="embedding")(total)


def fuse(
    image_features: keras.KerasTensor,
    audio_features: keras.KerasTensor,
    *,
    embedding_size: int,
) -> keras.KerasTensor:
    """Both branches' features as one unit vector: concatenate, Dense 256, BatchNorm, Dense, L2.

    Args:
        image_features: float32 [batch, image_size].
        audio_features: float32 [batch, audio_size].
        embedding_size: int >= 1.

    Returns:
        float32 [batch, embedding_size], unit length.
    """
    joined = keras.layers.Concatenate(name="fusion")([image_features, audio_features])
    hidden = keras.layers.Dense(256, "relu", name="fusion_dense")(joined)
    hidden = keras.layers.BatchNormalization(name="fusion_norm")(hidden)
    projection = keras.layers.Dense(embedding_size, name="projection")(hidden)
    return keras.layers.UnitNormalization(dtype="float32", name="embedding")(projection)


def _check_rate(dropout_rate: float) -> None:
    if not 0 <= dropout_rate < 1:
        raise ValueError(
            f"Expected 'dropout_rate' (modality dropout) in [0, 1), received {dropout_rate}."
        )


def _hide_one(
    has_image: keras.KerasTensor,
    has_audio: keras.KerasTensor,
    rate: float,
    seed_generator: keras.random.SeedGenerator,
) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Which branches are left when one of two, drawn, is hidden for a share of the items."""
    draw = keras.random.uniform(ops.shape(has_image), seed=seed_generator)
    both = ops.logical_and(has_image, has_audio)
    hide_image = ops.logical_and(both, draw < rate / 2)
    hide_audio = ops.logical_and(both, draw >= 1 - rate / 2)
    return (
        ops.logical_and(has_image, ops.logical_not(hide_image)),
        ops.logical_and(has_audio, ops.logical_not(hide_audio)),
    )
