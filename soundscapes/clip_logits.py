"""A network's answers for whole clips and for their moments, in one call of a compiled function."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from soundscapes.classifier import FRAME_LOGITS, SoundClassifier

ClipFunction = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
"""float32 [batch, clip_frames, size] -> logits [batch, num_classes], [batch, num_times, num_classes]."""


def clip_function(classifier: SoundClassifier) -> ClipFunction:
    """Both answers of a classifier; of a network that says no "when", a clip is one moment."""
    network = classifier.network
    names = {layer.name for layer in network.layers}
    outputs = [network.output]
    if FRAME_LOGITS in names:
        outputs.append(network.get_layer(FRAME_LOGITS).output)
    both = keras.Model(network.input, outputs)
    size = classifier.front_end.embedding_size
    spec = tf.TensorSpec([None, classifier.clip_frames, size], tf.float32)

    @tf.function(input_signature=[spec])
    def logits_of(clips: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        said = both(clips, training=False)
        if len(outputs) == 1:
            logits = said[0] if isinstance(said, list | tuple) else said
            return logits, logits[:, None]
        return said[0], said[1]

    logits_of.get_concrete_function()  # here, not in the threads that call it
    return logits_of
