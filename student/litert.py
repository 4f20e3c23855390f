"""LiteRT (TensorFlow Lite): files of a student, and their interpreter."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

if TYPE_CHECKING:
    from student.exported_graph import StudentInput
    from student.student import Student

Precision = Literal["float32", "float16", "dynamic", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)

# In numbers of 8 bits one scale would hold hertz and shares of 1 alike, and the shares would be lost: what
# scales and normalises stays float. Convolutions and dense layers, nearly all of the work, become int8.
_KEPT_FLOAT = [
    *("SUB", "MUL", "DIV", "ADD", "MAXIMUM", "MINIMUM", "REDUCE_MAX", "LOGISTIC"),
    *("RSQRT", "SQUARED_DIFFERENCE", "MEAN", "SELECT_V2"),
]


def litert_bytes(
    student: Student,
    precision: Precision,
    ranges: list[dict[str, np.ndarray]],
    takes: StudentInput = "mel",
) -> bytes:
    """A student as TensorFlow's converter writes it; `ranges` are inputs that "int8" sees."""
    import tensorflow as tf

    from student.exported_graph import save_graph

    def representative() -> Iterator[dict[str, np.ndarray]]:
        yield from ranges

    with tempfile.TemporaryDirectory() as folder:
        save_graph(student, Path(folder), batch=1, takes=takes, coarse=precision == "float16")
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if precision != "int8":
            return converter.convert()
        heard = _heard_float(folder) if takes == "waveform" else []
        converter.representative_dataset = representative
        experimental = tf.lite.experimental
        # The debugger is how the converter is told to leave operations float.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the interpreter in it, as in `litert_function`
            debugger = experimental.QuantizationDebugger(
                converter=converter,
                debug_dataset=representative,
                debug_options=experimental.QuantizationDebugOptions(
                    denylisted_ops=_KEPT_FLOAT, denylisted_nodes=heard
                ),
            )
        return debugger.get_nondebug_quantized_model()


def litert_function(content: bytes) -> Callable[..., np.ndarray]:
    """From the bytes of a LiteRT file to a function of its inputs by name, which gives logits.

    With `ai-edge-litert` it needs no TensorFlow.

    Example:
        >>> run = litert_function(Path("student.tflite").read_bytes())
        >>> run(waveform=clip[None]).shape
        (1, 10)
    """
    runner = litert_interpreter(content).get_signature_runner()
    return lambda **inputs: runner(**inputs)["logits"]


def litert_interpreter(content: bytes) -> Any:
    """`ai-edge-litert`'s, or TensorFlow's own where that is not installed; in one thread."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TensorFlow's own: that it moves to ai-edge-litert one day
        try:
            from ai_edge_litert.interpreter import Interpreter

            return Interpreter(model_content=content, num_threads=1)
        except ImportError:
            import tensorflow as tf

            return tf.lite.Interpreter(model_content=content, num_threads=1)


def _heard_float(folder: str) -> list[str]:
    """The names of all that makes mel rows and features of sound: hertz and powers need float numbers."""
    import tensorflow as tf

    from student.hearing_graph import SCOPE

    content = tf.lite.TFLiteConverter.from_saved_model(folder).convert()
    names = (tensor["name"] for tensor in litert_interpreter(content).get_tensor_details())
    return [name for name in names if f"{SCOPE}/" in name]
