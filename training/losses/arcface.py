"""ArcFace: embeddings gather around a learned centre of their class, by an angle to spare."""

import math

import keras
from keras import ops

from training.losses.distances import unit_length
from training.losses.pair_loss import flatten_members, mean_over_members, require_positive

LEAST_SQUARED_SINE = 1e-6  # the sine's slope is infinite at 0 and 180 degrees; here at most 1000


@keras.saving.register_keras_serializable(package="fused_encoder")
class ClassCosines(keras.layers.Layer):
    """The cosine of each embedding with the centre of each class.

    The centres are this layer's weights, one unit vector a class: they are trained by the optimizer and
    saved with the model. The layer stands on top of the encoder while it is trained, and is left
    behind afterwards. It computes in float32, also in mixed precision.

    Args:
        num_classes: int >= 2.

    Input shape:
        float [batch, embedding_size]; or [batch, 3, embedding_size], triplets.
    Output shape:
        float32 [batch, num_classes] or [batch, 3, num_classes], in [-1, 1].
    Raises:
        ValueError: `num_classes` is below 2.
    Example:
        >>> cosines = ClassCosines(num_classes=9)(encoder.output)
        >>> model = keras.Model(encoder.input, cosines)
        >>> model.compile("adam", ArcFaceLoss())
    """

    def __init__(self, num_classes: int, *, dtype: object = "float32", **kwargs: object) -> None:
        super().__init__(dtype=dtype, **kwargs)
        if num_classes < 2:
            raise ValueError(f"Expected num_classes >= 2, received {num_classes}.")
        self.num_classes = num_classes

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the centres, [num_classes, embedding_size]."""
        self.centres = self.add_weight(
            shape=(self.num_classes, input_shape[-1]),
            initializer=keras.initializers.RandomNormal(stddev=1.0),
            name="centres",
        )

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """The cosines, see the class."""
        centres = ops.transpose(unit_length(ops.convert_to_tensor(self.centres)))
        return ops.clip(ops.matmul(unit_length(inputs), centres), -1.0, 1.0)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """The shape of the cosines."""
        return (*input_shape[:-1], self.num_classes)

    def get_config(self) -> dict[str, object]:
        """The arguments, as given."""
        return {**super().get_config(), "num_classes": self.num_classes}


@keras.saving.register_keras_serializable(package="fused_encoder")
class ArcFaceLoss(keras.losses.Loss):
    """Cross-entropy of scale * cosines, with the angle to the own class' centre widened by the margin.

    -log(softmax(scale * c)) at the own class, where c is cos(angle + margin) for the own class and
    cos(angle) for the others. Past 180 degrees, where cos(angle + margin) would rise again,
    cos(angle) - margin * sin(margin) takes its place. Needs no positive in the batch, so any batch
    will do; classes of few items are served less well than by pairs.

    Args:
        margin: float in [0, π / 2), in radians. Default 0.5 (29 degrees); 0 is the plain normalised
            softmax.
        scale: float > 0, the inverse temperature. Default 64, as published for thousands of classes;
            with tens of classes 16 to 32 trains more gently.
        **kwargs: `name` and `reduction`, as in `keras.losses.Loss`.

    Call:
        y_true: class indices in [0, num_classes), int [batch] or [batch, 1 + num_sources] with the
            class in column 0; for triplets [batch, 3] or [batch, 3, 1 + num_sources].
        y_pred: cosines from `ClassCosines`, float [batch, num_classes] or [batch, 3, num_classes].
    Raises:
        ValueError: an option is out of range, or labels and cosines do not fit.
    Reference:
        Deng et al., "ArcFace: additive angular margin loss for deep face recognition", 2019,
        https://arxiv.org/abs/1801.07698.
    """

    def __init__(self, margin: float = 0.5, scale: float = 64.0, **kwargs: str | None) -> None:
        super().__init__(dtype="float32", **kwargs)
        require_positive(scale=scale)
        if not 0 <= margin < math.pi / 2:
            raise ValueError(
                f"Expected margin in [0, {math.pi / 2:.4f}) (radians), received {margin}."
            )
        self.margin = margin
        self.scale = scale

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        """The losses [batch], of which Keras takes the mean."""
        labels, cosines = flatten_members(y_true, y_pred)
        classes = labels[:, 0]
        is_own = ops.one_hot(classes, cosines.shape[-1], dtype="bool")
        logits = self.scale * ops.where(is_own, self._widened(cosines), cosines)
        losses = ops.sparse_categorical_crossentropy(classes, logits, from_logits=True)
        return mean_over_members(losses, y_pred)

    def _widened(self, cosines: keras.KerasTensor) -> keras.KerasTensor:
        """cos(angle + margin), and its continuation where that is past 180 degrees."""
        if self.margin == 0:
            return cosines
        sines = ops.sqrt(ops.maximum(1.0 - ops.square(cosines), LEAST_SQUARED_SINE))
        widened = cosines * math.cos(self.margin) - sines * math.sin(self.margin)
        is_within = cosines > math.cos(math.pi - self.margin)
        return ops.where(is_within, widened, cosines - self.margin * math.sin(self.margin))

    def get_config(self) -> dict[str, object]:
        """The arguments, as given."""
        return {**super().get_config(), "margin": self.margin, "scale": self.scale}
