"""The graph that embeds pairs: one look at each photo, several windows of each recording, one vector.

The exported SavedModel and an `Embedder` of an encoder that is not exported run this same code.
"""

import keras
import tensorflow as tf

from fused_encoder.encoder import split_encoder
from fused_encoder.front_ends.contract import AudioFrontEnd
from fused_encoder.front_ends.sequences import audio_sequences_in_graph, audio_windows
from fused_encoder.photo import IMAGE_SIZE

IMAGE_SPECS = (
    tf.TensorSpec((None, None, None, 3), tf.uint8, "images"),
    tf.TensorSpec((None, None, None, 3), tf.float32, "images"),
)
WAVEFORM_SPEC = tf.TensorSpec((None, None), tf.float32, "waveforms")
PHOTO_SPEC = tf.TensorSpec((None, *IMAGE_SIZE, 3), tf.float32)


class PairEmbedding(tf.Module):
    """Photos and waveforms in, embeddings out, in TensorFlow operations only.

    A recording longer than a window is embedded window by window, each together with the photo; the
    mean of these, brought to unit length, is the pair's embedding.

    Args:
        encoder: from `create_fused_encoder`; its weights are copied.
        front_end: what turns waveforms into audio sequences.
        audio_seconds: float > 0, the length of a window.
        max_windows: int >= 1, windows per recording; what comes after as many windows is not used.

    Raises:
        ValueError: the front end cannot be part of a graph.
    """

    def __init__(
        self,
        encoder: keras.Model,
        front_end: AudioFrontEnd,
        *,
        audio_seconds: float,
        max_windows: int,
    ) -> None:
        super().__init__()
        if front_end.module is None:
            raise ValueError(
                f"The audio front end '{front_end.name}' is not made of TensorFlow operations, so that an "
                "encoder cannot be exported with it."
            )
        self._front_end_module = front_end.module  # so that its weights are saved
        self._front_end = front_end
        self._window_frames = front_end.frames_in(audio_seconds)
        self._max_frames = front_end.frames_in(audio_seconds * max_windows)
        self._max_samples = round(audio_seconds * max_windows * front_end.sample_rate_hz)
        self._max_windows = max_windows
        self._see, self._join = split_encoder(encoder)
        self._weights = [w.value for w in (*self._see.variables, *self._join.variables)]
        # Traced once each, however many functions below call them.
        self._see_photos = tf.function(
            lambda photos: self._see(photos, training=False), input_signature=[PHOTO_SPEC]
        )
        self._join_windows = tf.function(
            lambda *seen_and_heard: self._join(list(seen_and_heard), training=False)
        )
        seen_specs = [tf.TensorSpec(part.shape, part.dtype) for part in self._see.outputs]
        sequence_spec = tf.TensorSpec((None, None, front_end.embedding_size), tf.float32)
        self.join = tf.function(self._joined, input_signature=[seen_specs, sequence_spec])
        sound_spec = tf.TensorSpec((None,), tf.float32)
        self.embed_sound = tf.function(front_end.embed_sound, input_signature=[sound_spec])
        if front_end.windows is not None and front_end.embed_windows is not None:
            self.windows = tf.function(front_end.windows, input_signature=[sound_spec])
            windows = self.windows.get_concrete_function().output_shapes
            window_spec = tf.TensorSpec(windows, tf.float32)
            self.embed_windows = tf.function(front_end.embed_windows, input_signature=[window_spec])

    @tf.function(reduce_retracing=True)
    def embed(self, images: tf.Tensor, waveforms: tf.Tensor) -> tf.Tensor:
        """Embeddings of pairs of a photo and a waveform.

        Args:
            images: uint8 or float32 in [0, 1], [batch, height, width, 3], RGB, any size; all zeros
                where there is no photo.
            waveforms: float32 [batch, num_samples], mono, at the front end's sample rate, amplitude
                in [-1, 1], right-padded with zeros; all zeros (or no samples) where there is no
                recording.

        Returns:
            float32 [batch, embedding_size], unit length.

        Raises:
            InvalidArgumentError: a pair has neither; a float photo is not in [0, 1]; a waveform is
                too short, constant or not finite.
        """
        tf.debugging.assert_equal(
            tf.shape(images)[0],
            tf.shape(waveforms)[0],
            message="Expected as many images as recordings; all zeros stand for an absent one.",
        )
        has_image = tf.reduce_any(images != 0, axis=(1, 2, 3))
        tf.debugging.assert_equal(
            tf.reduce_all(has_image | tf.reduce_any(waveforms != 0, axis=1)),
            True,
            message="A pair has neither a photo nor a recording: both are all zeros.",
        )
        sequences = audio_sequences_in_graph(self._front_end, waveforms[:, : self._max_samples])
        return self._joined(self._see_photos(_to_input(images)), sequences)

    @tf.function(input_signature=[IMAGE_SPECS[0]])
    def see(self, images: tf.Tensor) -> list[tf.Tensor]:
        """The image branch alone, for photos that are in many pairs: then `join(see(images), sequences)`.

        Args:
            images: uint8 [batch, height, width, 3], as in `embed`.

        Returns:
            Image features float32 [batch, size] and whether there is a photo, bool [batch].
        """
        return self._see_photos(_to_input(images))

    def _joined(self, seen: list[tf.Tensor], audio_sequences: tf.Tensor) -> tf.Tensor:
        audio_sequences = audio_sequences[:, : self._max_frames]
        windows, items = audio_windows(
            audio_sequences, window_frames=self._window_frames, max_windows=self._max_windows
        )
        embeddings = self._join_windows(*(tf.gather(part, items) for part in seen), windows)
        return tf.math.l2_normalize(tf.math.segment_mean(embeddings, items), axis=-1)


def _to_input(images: tf.Tensor) -> tf.Tensor:
    """float32 [batch, 224, 224, 3] in [0, 1]: photos resized as `prepare_photo` does."""
    levels = tf.cast(images, tf.float32)
    if images.dtype != tf.uint8:
        tf.debugging.assert_equal(
            tf.reduce_all((images >= 0) & (images <= 1)),  # NaN is neither
            True,
            message="Expected float photos in [0, 1]. Divide by 255, or pass them as uint8.",
        )
        levels *= 255.0
    is_size = tf.reduce_all(tf.shape(images)[1:3] == IMAGE_SIZE)
    resized = tf.cond(is_size, lambda: levels, lambda: _resized(levels))
    return tf.ensure_shape(resized, (None, *IMAGE_SIZE, 3)) / 255.0


def _resized(levels: tf.Tensor) -> tf.Tensor:
    """A side that shrinks is averaged over areas, a side that grows is interpolated; whole levels."""
    shrunk = tf.minimum(tf.shape(levels)[1:3], IMAGE_SIZE)
    small = tf.floor(tf.image.resize(levels, shrunk, method="area") + 0.5)
    return tf.floor(tf.image.resize(small, IMAGE_SIZE) + 0.5)
