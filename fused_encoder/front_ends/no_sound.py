"""No sound: the front end of an encoder that was trained on photos only. Nothing is loaded for it."""

from __future__ import annotations

from fused_encoder.front_ends.contract import AudioFrontEnd, FrontEndSpec

NO_SOUND = FrontEndSpec(
    name="none",
    sample_rate_hz=16_000,
    window_seconds=1.0,
    hop_seconds=1.0,
    embedding_size=1,
    fingerprint="none",
)
REFUSAL = (
    "This encoder was trained on photos only: it cannot embed recordings. Leave them out, or train one with "
    "recordings."
)


def no_sound() -> AudioFrontEnd:
    """A front end that refuses every recording, in Python and in an exported encoder."""
    import tensorflow as tf

    def embed_sound(sound: tf.Tensor) -> tf.Tensor:
        if tf.executing_eagerly():
            raise ValueError(REFUSAL)
        tf.debugging.assert_less(tf.size(sound), 0, message=REFUSAL)
        return tf.zeros((0, NO_SOUND.embedding_size))

    return AudioFrontEnd(**vars(NO_SOUND), embed_sound=embed_sound, module=tf.Module())
