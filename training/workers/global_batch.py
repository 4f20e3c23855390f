"""Random layers under a `tf.distribute` strategy: each item draws what it would draw in one process."""

from __future__ import annotations

import keras
import tensorflow as tf

from fused_encoder.fusion import AddPresent, MissingModality

DRAWS_BY_ITEM = (
    keras.layers.AlphaDropout,
    keras.layers.Dropout,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    AddPresent,
    MissingModality,
)


def draws_by_item(layer: keras.Operation) -> bool:
    """Whether a layer draws something for each item in training, and treats items independently."""
    rate = getattr(layer, "dropout_rate", getattr(layer, "rate", 1.0))
    return isinstance(layer, DRAWS_BY_ITEM) and rate != 0


def call_for_global_batch(layer: keras.Operation, *args: object, **kwargs: object) -> object:
    """Calls a layer; one that draws for each item sees the size of the global batch, and so draws as there.

    A replica of a strategy would draw for its own items only, from the same seed as all others. Here its
    items stand at their place in a batch of zeros, of which it gets back its own. In inference, and
    outside of a strategy, it is called as it is.

    Args:
        layer: any layer or operation.
        *args: what it is called with; for a layer that draws, its inputs and nothing more.
        **kwargs: the same.
    """
    if not draws_by_item(layer):
        return layer(*args, **kwargs)
    inputs, *others = args
    *padded, place = PadToGlobalBatch()(keras.tree.flatten(inputs))
    outputs = layer(keras.tree.pack_sequence_as(inputs, padded), *others, **kwargs)
    own = OwnItems()([*keras.tree.flatten(outputs), place])
    return keras.tree.pack_sequence_as(outputs, own)


class PadToGlobalBatch(keras.layers.Layer):
    """A replica's items at their place among those of all replicas, which are zeros.

    Input shape:
        A list of tensors [batch, ...], of any dtype.
    Output shape:
        A list of them [global_batch, ...], and int32 [2]: how many items come before the own ones, and
        how many are own. In inference or outside of a strategy, the tensors as they are.
    """

    def __init__(self, **kwargs: object) -> None:
        super().__init__(autocast=False, **kwargs)
        self.supports_masking = True

    def call(self, inputs: list[tf.Tensor], training: bool = False) -> list[tf.Tensor]:
        """See the class."""
        num_own = tf.shape(inputs[0])[0]
        context = tf.distribute.get_replica_context() if training else None
        if context is None or context.num_replicas_in_sync == 1:
            return [*inputs, tf.stack([0, num_own])]
        counts = context.all_gather(num_own[None], axis=0)
        num_before = tf.reduce_sum(counts[: context.replica_id_in_sync_group])
        num_after = tf.reduce_sum(counts) - num_before - num_own

        def padded(tensor: tf.Tensor) -> tf.Tensor:
            before, after = (
                tf.zeros(tf.concat([num[None], tf.shape(tensor)[1:]], 0), tensor.dtype)
                for num in (num_before, num_after)
            )
            whole = tf.concat([before, tensor, after], axis=0)
            return tf.ensure_shape(whole, (None, *tensor.shape[1:]))

        return [*map(padded, inputs), tf.stack([num_before, num_own])]

    def compute_mask(self, inputs: list[tf.Tensor], mask: list | None = None) -> list:
        """The masks as they are: layers that draw pass them on and do not look."""
        return [*(mask or [None] * len(inputs)), None]


class OwnItems(keras.layers.Layer):
    """What `PadToGlobalBatch` added is taken away.

    Input shape:
        A list of tensors [global_batch, ...], and after them the int32 [2] of `PadToGlobalBatch`.
    Output shape:
        A list of tensors [batch, ...].
    """

    def __init__(self, **kwargs: object) -> None:
        super().__init__(autocast=False, **kwargs)
        self.supports_masking = True

    def call(self, inputs: list[tf.Tensor]) -> list[tf.Tensor]:
        """See the class."""
        *tensors, place = inputs
        return [tensor[place[0] : place[0] + place[1]] for tensor in tensors]

    def compute_mask(self, inputs: list[tf.Tensor], mask: list | None = None) -> list:
        """The masks as they are."""
        return list(mask or [None] * len(inputs))[:-1]
