"""A student as a TensorFlow function and as a SavedModel, which converters take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from student.features import FEATURE_NAMES
from student.network import FEATURE_SCALING
from student.student import Student

if TYPE_CHECKING:
    import keras

StudentInput = Literal["mel", "waveform"]
STUDENT_INPUTS: tuple[StudentInput, ...] = get_args(StudentInput)


def input_shapes(student: Student, takes: StudentInput) -> dict[str, tuple[int, ...]]:
    """Of each input of an exported student the shape of a clip."""
    hearing = student.hearing
    shapes: dict[str, tuple[int, ...]] = {"waveform": (hearing.clip_samples,)}
    if takes == "mel":
        shapes = {
            "mel": (hearing.num_rows, hearing.num_bands),
            "features": (len(FEATURE_NAMES),),
        }
    return {**shapes, **({"extra": (len(student.extra_names),)} if student.extra_names else {})}


def save_graph(
    student: Student,
    path: Path,
    *,
    batch: int | None,
    takes: StudentInput = "mel",
    coarse: bool = False,
) -> None:
    """Writes a SavedModel whose inputs are `input_shapes` and whose output is `logits`.

    With `coarse`, numbers of 16 bits hold all that it stores.
    """
    import tensorflow as tf

    function, _, module = _function(student, batch=batch, takes=takes, coarse=coarse)
    tf.saved_model.save(
        module, str(path), signatures={"serving_default": function.get_concrete_function()}
    )


def frozen_graph(student: Student) -> tuple[Any, dict[str, str]]:
    """The graph with its weights, and what its inputs and, last, its output are to be called.

    `tf2onnx.convert.from_function` would take the scaling of the features for two more inputs.
    """
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    function, signature, _ = _function(student, batch=None, takes="mel")
    frozen = convert_variables_to_constants_v2(function.get_concrete_function())
    names = [*(one.name for one in signature), "logits"]
    tensors = [one.name for one in (*frozen.inputs, *frozen.outputs)]
    return frozen.graph.as_graph_def(), dict(zip(tensors, names, strict=True))


def _function(
    student: Student, *, batch: int | None, takes: StudentInput, coarse: bool = False
) -> tuple[Any, list[Any], Any]:
    """A function in TensorFlow, its inputs, and a module that keeps its weights."""
    import tensorflow as tf

    from student.hearing_graph import inputs_in_graph

    network = student.network
    shift = scale = np.zeros(len(FEATURE_NAMES), np.float32)
    if coarse:
        network, shift, scale = _in_two_parts(network)
    shapes = input_shapes(student, takes)
    signature = [tf.TensorSpec((batch, *shape), tf.float32, name) for name, shape in shapes.items()]

    @tf.function(input_signature=signature)
    def logits_of(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        if takes == "waveform":
            inputs = (*inputs_in_graph(inputs[0], student.hearing), *inputs[1:])
        mel, features, *extra = inputs
        if coarse:
            features = (features - shift) * scale
        return {"logits": network([mel, features, *extra], training=False)}

    module = tf.Module()
    module.kept = [weight.value for weight in network.variables]
    module.logits_of = logits_of
    return logits_of, signature, module


def _in_two_parts(network: keras.Model) -> tuple[keras.Model, np.ndarray, np.ndarray]:
    """The network without what 16 bits hold of the features' means and spreads; and both of these.

    A feature that hardly varies would be lost in 16 bits: 0.9990 becomes 0.9990 +- 0.0002, and nothing
    above 65504 can be multiplied with.
    """
    import keras

    rest = keras.models.clone_model(network)
    rest.set_weights(network.get_weights())
    scaling = rest.get_layer(FEATURE_SCALING)
    mean = np.asarray(scaling.adapt_mean, np.float32)
    held = mean.astype(np.float16).astype(np.float32)
    spread = np.sqrt(np.maximum(np.asarray(scaling.adapt_variance, np.float32), 1e-14))
    power = (2.0 ** np.clip(-np.round(np.log2(spread)), -14, 15)).astype(np.float32)
    scaling.adapt_mean.assign((mean - held) * power)
    scaling.adapt_variance.assign((spread * power) ** 2)
    scaling.finalize_state()
    return rest, held, power
