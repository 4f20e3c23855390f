"""log(sum(exp(x))) over some of each row, the sum that softmax-like losses share."""

import keras
from keras import ops

NOTHING = -1e9  # what exp turns into 0


def masked_logsumexp(values: keras.KerasTensor, mask: keras.KerasTensor) -> keras.KerasTensor:
    """log(sum(exp(values))) over the entries of each row where the mask is true.

    Args:
        values: float32 [num_rows, num_columns], far above -1e9.
        mask: bool, of that shape.

    Returns:
        float32 [num_rows]; about -1e9, with no gradient, for a row without any entry.
    """
    inside = ops.logsumexp(ops.where(mask, values, NOTHING), axis=1)
    return ops.where(ops.any(mask, axis=1), inside, NOTHING)
