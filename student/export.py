"""A student as one file for a phone, a board or a server, with a card that says what it is."""

from __future__ import annotations

import json
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from media.atomic import atomic_file, write_text_atomically
from student.features import FEATURE_NAMES
from student.model_card import CARD_FILE, model_card
from student.network import FEATURE_SCALING
from student.student import Student
from student.unknown import UnknownRule

if TYPE_CHECKING:
    import keras

    from student.clips import StudentClips

Precision = Literal["float32", "float16", "dynamic", "int8"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)
LEAST_CLIPS = 16
_MOST_CLIPS = 256

# In numbers of 8 bits one scale would hold hertz and shares of 1 alike, and the shares would be lost: what
# scales and normalises stays float. Convolutions and dense layers, nearly all of the work, become int8.
_KEPT_FLOAT = [
    *("SUB", "MUL", "DIV", "ADD", "MAXIMUM", "MINIMUM", "REDUCE_MAX", "LOGISTIC"),
    *("RSQRT", "SQUARED_DIFFERENCE", "MEAN", "SELECT_V2"),
]


@dataclass(frozen=True)
class ExportedStudent:
    """What `export_litert` wrote.

    Attributes:
        path: of the file.
        precision: of its numbers.
        kilobytes: float, of 1000 bytes, the card not counted.
        agreement: share of clips for which it names the species that the student names; NaN without clips.
        max_difference: float, of the logits of those clips.
    """

    path: Path
    precision: Precision
    kilobytes: float
    agreement: float
    max_difference: float


def export_litert(
    student: Student,
    path: str | Path,
    *,
    precision: Precision = "int8",
    clips: StudentClips | None = None,
    unknown: UnknownRule | None = None,
    told: Mapping[str, Any] | None = None,
) -> ExportedStudent:
    """Writes a LiteRT file (TensorFlow Lite), which `ai-edge-litert` runs alone.

    It takes `mel` float32 [1, num_rows, num_bands] and `features` float32 [1, 18], as
    `StudentHearing.clip_inputs` makes them without TensorFlow, and gives `logits` [1, num_classes]. Its card
    is a JSON file in a ZIP at its end, where TensorFlow Lite keeps associated files: `unzip -p FILE
    model_card.json` or `read_model_card`.

    Args:
        student: what is exported.
        path: of the file, usually *.tflite.
        precision: "float32"; "float16", half as large; "dynamic", weights of 8 bits; "int8", convolutions and
            dense layers compute in 8 bits too, while scaling and normalisation stay float.
        clips: representative ones, such as those it was trained on: they set the ranges of "int8", and
            agreement is measured on others of them.
        unknown: the rule for "unknown", told in the card. Default: the published one.
        told: more for the card, such as the teacher and figures.

    Raises:
        ValueError: "int8" without at least 16 clips, or clips that were heard otherwise.
        OSError: it cannot be written.
    """
    if precision not in PRECISIONS:
        raise ValueError(
            f"Expected a precision of {', '.join(PRECISIONS)}, received {precision!r}."
        )
    if clips is not None and clips.hearing != student.hearing:
        raise ValueError(
            "The clips were heard otherwise than by this student: prepare them with its hearing."
        )
    if precision == "int8" and (clips is None or len(clips) < LEAST_CLIPS):
        num = 0 if clips is None else len(clips)
        raise ValueError(
            f"int8 needs at least {LEAST_CLIPS} clips to see how large numbers become, received {num}. Give "
            "clips of training, or export with precision 'dynamic'."
        )
    ranges, tested = _two_sides(clips)
    content = _converted(student, precision, ranges)
    agreement, difference = _compared(student, content, tested)
    figures: dict[str, object] = {
        "precision": precision,
        "kilobytes": len(content) / 1000,
        "agreement": agreement,
        "max_difference": difference,
    }
    if not tested:
        figures |= {"agreement": None, "max_difference": None}
    card = model_card(student, unknown=unknown, told={"export": figures, **(told or {})})
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as place:
        place.write_bytes(content)
        with zipfile.ZipFile(place, "a") as archive:
            archive.writestr(CARD_FILE, json.dumps(card, ensure_ascii=False, indent=1))
    return ExportedStudent(path, precision, len(content) / 1000, agreement, difference)


def export_student_saved_model(
    student: Student, path: str | Path, *, unknown: UnknownRule | None = None
) -> Path:
    """Writes a SavedModel of the same inputs and output for any batch; the card is in `assets.extra`."""
    path = Path(path)
    _save(student, path, batch=None)
    (path / "assets.extra").mkdir(exist_ok=True)
    text = json.dumps(model_card(student, unknown=unknown), ensure_ascii=False, indent=1)
    write_text_atomically(path / "assets.extra" / CARD_FILE, text)
    return path


def export_onnx(student: Student, path: str | Path, *, unknown: UnknownRule | None = None) -> Path:
    """Writes an ONNX file of the same inputs and output, by `tf2onnx`; the card is in its metadata.

    Raises:
        ImportError: `tf2onnx` is not installed.
    """
    try:
        import onnx
        import tf2onnx
    except ImportError as error:
        raise ImportError(
            "ONNX needs tf2onnx: pip install 'fused-encoder[onnx-export]'. LiteRT and SavedModel need "
            "nothing more."
        ) from error
    graph, renamed = _frozen_graph(student)
    inputs, outputs = list(renamed)[:-1], list(renamed)[-1:]
    model, _ = tf2onnx.convert.from_graph_def(
        graph, input_names=inputs, output_names=outputs, tensors_to_rename=renamed
    )
    entry = model.metadata_props.add()
    entry.key = CARD_FILE
    entry.value = json.dumps(model_card(student, unknown=unknown), ensure_ascii=False)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as place:
        onnx.save(model, str(place))
    return Path(path)


def litert_function(content: bytes) -> Callable[..., np.ndarray]:
    """From the bytes of a LiteRT file to a function of its inputs by name, which gives logits."""
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


def _two_sides(
    clips: StudentClips | None,
) -> tuple[list[dict[str, np.ndarray]], list[dict[str, np.ndarray]]]:
    """Clips that set ranges, and others to test on; drawn evenly, so that all species are on both."""
    if clips is None:
        return [], []
    names = ("mel", "features", "extra")
    step = max(1, len(clips) // (2 * _MOST_CLIPS))
    every = [
        {name: each[n : n + 1] for name, each in zip(names, clips.inputs, strict=False)}
        for n in range(0, len(clips), step)
    ]
    return every[::2], every[1::2]


def _function(
    student: Student, *, batch: int | None, coarse: bool = False
) -> tuple[Any, list[Any], Any]:
    """A function in TensorFlow, its inputs, and a module that keeps its weights."""
    import tensorflow as tf

    network, hearing = student.network, student.hearing
    shift = scale = np.zeros(len(FEATURE_NAMES), np.float32)
    if coarse:
        network, shift, scale = _in_two_parts(network)
    shapes = {
        "mel": (hearing.num_rows, hearing.num_bands),
        "features": (len(FEATURE_NAMES),),
        **({"extra": (len(student.extra_names),)} if student.extra_names else {}),
    }
    signature = [tf.TensorSpec((batch, *shape), tf.float32, name) for name, shape in shapes.items()]

    @tf.function(input_signature=signature)
    def logits_of(*inputs: tf.Tensor) -> dict[str, tf.Tensor]:
        mel, features, *extra = inputs
        if coarse:
            features = (features - shift) * scale
        return {"logits": network([mel, features, *extra], training=False)}

    module = tf.Module()
    module.kept = [weight.value for weight in network.variables]
    module.logits_of = logits_of
    return logits_of, signature, module


def _frozen_graph(student: Student) -> tuple[Any, dict[str, str]]:
    """The graph with its weights, and what its inputs and, last, its output are to be called.

    `tf2onnx.convert.from_function` would take the scaling of the features for two more inputs.
    """
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    function, signature, _ = _function(student, batch=None)
    frozen = convert_variables_to_constants_v2(function.get_concrete_function())
    names = [*(one.name for one in signature), "logits"]
    tensors = [one.name for one in (*frozen.inputs, *frozen.outputs)]
    return frozen.graph.as_graph_def(), dict(zip(tensors, names, strict=True))


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


def _save(student: Student, path: Path, *, batch: int | None, coarse: bool = False) -> None:
    import tensorflow as tf

    function, _, module = _function(student, batch=batch, coarse=coarse)
    tf.saved_model.save(
        module, str(path), signatures={"serving_default": function.get_concrete_function()}
    )


def _converted(
    student: Student, precision: Precision, ranges: list[dict[str, np.ndarray]]
) -> bytes:
    """By TensorFlow's converter."""
    import tensorflow as tf

    def representative() -> Iterator[dict[str, np.ndarray]]:
        yield from ranges

    with tempfile.TemporaryDirectory() as folder:
        _save(student, Path(folder), batch=1, coarse=precision == "float16")
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        if precision != "int8":
            return converter.convert()
        converter.representative_dataset = representative
        experimental = tf.lite.experimental
        # The debugger is how the converter is told to leave operations float.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the interpreter in it, as in `litert_function`
            debugger = experimental.QuantizationDebugger(
                converter=converter,
                debug_dataset=representative,
                debug_options=experimental.QuantizationDebugOptions(denylisted_ops=_KEPT_FLOAT),
            )
        return debugger.get_nondebug_quantized_model()


def _compared(
    student: Student, content: bytes, tested: list[dict[str, np.ndarray]]
) -> tuple[float, float]:
    """Share of clips that are named alike, and the largest difference of logits."""
    if not tested:
        return float("nan"), float("nan")
    run = litert_function(content)
    theirs = np.concatenate([run(**inputs) for inputs in tested])
    ours = student.logits(
        *(np.concatenate(each) for each in zip(*(t.values() for t in tested), strict=True))
    )
    return float((theirs.argmax(1) == ours.argmax(1)).mean()), float(np.abs(theirs - ours).max())
