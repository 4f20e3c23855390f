"""The triplet model: one encoder that sees anchor, positive and negative."""

import keras
from keras import ops

from training.precision import precision_of

ROLES = ("anchor", "positive", "negative")


def create_triplet_model(encoder: keras.Model) -> keras.Model:
    """A Keras model that embeds three pairs at once, for `compile` and `fit`.

    The three are joined along the batch before the encoder runs: one pass, and BatchNorm sees them
    together. The encoder is shared, not copied: training the model trains it.

    Args:
        encoder: from `create_fused_encoder`; or any model with the inputs `image_input` and
            `audio_input`, such as a head that takes a frozen trunk's features in place of photos.

    Returns:
        keras.Model named "triplet_model". Inputs by name: `anchor_image`, `positive_image`,
        `negative_image`, shaped as the encoder's `image_input` (float32 [batch, 224, 224, 3]), and
        `anchor_audio`, `positive_audio`, `negative_audio`, shaped as its `audio_input` (float32
        [batch, num_frames, size]), as `Triplets.to_dataset` gives them.
        Output float32 [batch, 3, embedding_size]: anchor, positive, negative.

    Raises:
        ValueError: the encoder does not have the inputs `image_input` and `audio_input`.
    """
    inputs = {tensor.name: tensor for tensor in encoder.inputs}
    if inputs.keys() != {"image_input", "audio_input"}:
        raise ValueError(
            "Expected an encoder with the inputs image_input and audio_input, received "
            f"{', '.join(sorted(inputs))}. Make one with create_fused_encoder()."
        )
    images = {
        f"{role}_image": _input_like(inputs["image_input"], f"{role}_image") for role in ROLES
    }
    audio = {f"{role}_audio": _input_like(inputs["audio_input"], f"{role}_audio") for role in ROLES}
    join = JoinMembers(name="members")
    embeddings = encoder(
        {"image_input": join(list(images.values())), "audio_input": join(list(audio.values()))}
    )
    stacked = ops.reshape(embeddings, (-1, 3, embeddings.shape[-1]))
    model = keras.Model({**images, **audio}, stacked, name="triplet_model")
    model.dtype_policy = precision_of(encoder)  # by it Keras decides whether to scale the loss
    return model


def _input_like(tensor: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=name)


@keras.saving.register_keras_serializable(package="fused_encoder")
class JoinMembers(keras.layers.Layer):
    """Anchors, positives and negatives as one batch, triplet by triplet.

    In this order a share of the triplets is a slice of the batch, also for a worker among several.

    Input shape:
        Three tensors [batch, ...].
    Output shape:
        [3 * batch, ...]: anchor, positive and negative of the first triplet, then of the second.
    """

    def call(self, inputs: list[keras.KerasTensor]) -> keras.KerasTensor:
        """The members, see the class."""
        stacked = ops.stack(inputs, axis=1)
        return ops.reshape(stacked, (-1, *ops.shape(stacked)[2:]))

    def compute_output_shape(
        self, input_shape: list[tuple[int | None, ...]]
    ) -> tuple[int | None, ...]:
        """The shape of all members."""
        return (None, *input_shape[0][1:])
