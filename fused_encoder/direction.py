"""Direction: features whose angles are compared, whatever their size."""

import keras


def centred_direction(features: keras.KerasTensor, *, name: str) -> keras.KerasTensor:
    """Features less their own mean, brought to unit length: directions compare, loudness does not.

    Args:
        features: float32 [..., size]; zeros stay zeros.
        name: str, of the layers.

    Returns:
        float32 of the same shape.
    """
    centred = keras.layers.LayerNormalization(center=False, scale=False, name=f"{name}_centred")
    return keras.layers.UnitNormalization(name=name)(centred(features))
