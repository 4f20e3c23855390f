"""A student as one file for a phone, a board or a server, with a card that says what it is."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from media.atomic import atomic_file, write_text_atomically
from student.clips import MAX_SECONDS
from student.exported_graph import STUDENT_INPUTS, StudentInput, frozen_graph, save_graph
from student.litert import PRECISIONS, Precision, litert_bytes, litert_function
from student.model_card import CARD_FILE, model_card
from student.student import Student
from student.unknown import UnknownRule

if TYPE_CHECKING:
    from student.clips import StudentClips

LEAST_CLIPS = 16
_MOST_CLIPS = {"mel": 256, "waveform": 64}  # of each side; a waveform is a megabyte


@dataclass(frozen=True)
class ExportedStudent:
    """What `export_litert` wrote.

    Attributes:
        path: of the file.
        precision: of its numbers.
        kilobytes: float, of 1000 bytes, the card not counted.
        num_tested: int, clips that did not set its ranges and that it was tested on.
        agreement: share of those for which it names the species that the student names; NaN without clips.
        max_difference: float, of the logits of those clips.
    """

    path: Path
    precision: Precision
    kilobytes: float
    num_tested: int
    agreement: float
    max_difference: float


def export_litert(
    student: Student,
    path: str | Path,
    *,
    precision: Precision = "int8",
    takes: StudentInput = "mel",
    clips: StudentClips | None = None,
    unknown: UnknownRule | None = None,
    told: Mapping[str, Any] | None = None,
) -> ExportedStudent:
    """Writes a LiteRT file (TensorFlow Lite), which `ai-edge-litert` runs alone.

    It gives `logits` [1, num_classes]. Its card is a JSON file in a ZIP at its end, where TensorFlow Lite
    keeps associated files: `unzip -p FILE model_card.json` or `read_model_card`.

    Args:
        student: what is exported.
        path: of the file, usually *.tflite.
        precision: "float32"; "float16", half as large; "dynamic", weights of 8 bits; "int8", convolutions and
            dense layers compute in 8 bits too, while scaling and normalisation stay float.
        takes: "mel": inputs are `mel` float32 [1, num_rows, num_bands] and `features` float32 [1, 18], as
            `StudentHearing.clip_inputs` makes them without TensorFlow. "waveform": `waveform` float32
            [1, clip_samples], a clip at the hearing's rate; all that makes mel and features of it is inside.
            Either has `extra` beside it where the student has.
        clips: representative ones, such as those it was trained on: they set the ranges of "int8", and
            agreement is measured on others of them.
        unknown: the rule for "unknown", told in the card. Default: the published one.
        told: more for the card, such as the teacher and figures.

    Raises:
        ValueError: "int8" without at least 16 clips, clips that were heard otherwise, or "waveform" with an
            `fft_length` that is no power of 2, which LiteRT cannot transform.
        OSError: it cannot be written.
    """
    if precision not in PRECISIONS:
        raise ValueError(
            f"Expected a precision of {', '.join(PRECISIONS)}, received {precision!r}."
        )
    _check_takes(takes)
    if takes == "waveform" and (length := student.hearing.fft_length) & (length - 1):
        raise ValueError(
            f"LiteRT transforms windows of 2, 4, 8 ... samples, and this student hears windows of {length}. "
            "Export it to take mel, or as a SavedModel."
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
    ranges, tested = _two_sides(clips, takes)
    content = litert_bytes(student, precision, ranges, takes)
    agreement, difference = _compared(student, content, tested)
    figures: dict[str, object] = {
        "precision": precision,
        "kilobytes": len(content) / 1000,
        "agreement": agreement,
        "max_difference": difference,
    }
    if not tested:
        figures |= {"agreement": None, "max_difference": None}
    card = model_card(student, takes, unknown=unknown, told={"export": figures, **(told or {})})
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as place:
        place.write_bytes(content)
        with zipfile.ZipFile(place, "a") as archive:
            archive.writestr(CARD_FILE, json.dumps(card, ensure_ascii=False, indent=1))
    return ExportedStudent(path, precision, len(content) / 1000, len(tested), agreement, difference)


def export_student_saved_model(
    student: Student,
    path: str | Path,
    *,
    takes: StudentInput = "mel",
    unknown: UnknownRule | None = None,
    told: Mapping[str, Any] | None = None,
) -> Path:
    """Writes a SavedModel with the inputs and output of `export_litert`, for any number of clips.

    The card is in `assets.extra`; `takes`, `unknown` and `told` are those of `export_litert`.
    """
    path = Path(path)
    _check_takes(takes)
    save_graph(student, path, batch=None, takes=takes)
    (path / "assets.extra").mkdir(exist_ok=True)
    card = model_card(student, takes, unknown=unknown, told=told)
    text = json.dumps(card, ensure_ascii=False, indent=1)
    write_text_atomically(path / "assets.extra" / CARD_FILE, text)
    return path


def export_onnx(
    student: Student,
    path: str | Path,
    *,
    unknown: UnknownRule | None = None,
    told: Mapping[str, Any] | None = None,
) -> Path:
    """Writes an ONNX file, by `tf2onnx`; the card is in its metadata.

    Its inputs are `mel` and `features` of any number of clips, its output is `logits`. `tf2onnx` has no
    spectrum of real numbers, so that it cannot take the waveform. `unknown` and `told` are those of
    `export_litert`.

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
    graph, renamed = frozen_graph(student)
    inputs, outputs = list(renamed)[:-1], list(renamed)[-1:]
    model, _ = tf2onnx.convert.from_graph_def(
        graph, input_names=inputs, output_names=outputs, tensors_to_rename=renamed
    )
    entry = model.metadata_props.add()
    entry.key = CARD_FILE
    card = model_card(student, unknown=unknown, told=told)
    entry.value = json.dumps(card, ensure_ascii=False)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as place:
        onnx.save(model, str(place))
    return Path(path)


def _check_takes(takes: StudentInput) -> None:
    if takes not in STUDENT_INPUTS:
        raise ValueError(
            f"Expected takes of {', '.join(map(repr, STUDENT_INPUTS))}, received {takes!r}."
        )


def _two_sides(
    clips: StudentClips | None, takes: StudentInput
) -> tuple[list[dict[str, np.ndarray]], list[dict[str, np.ndarray]]]:
    """Clips that set ranges, and others to test on; drawn evenly, so that all species are on both."""
    if clips is None:
        return [], []
    step = max(1, len(clips) // (2 * _MOST_CLIPS[takes]))
    names = ("mel", "features", "extra")
    every = [
        {name: each[n : n + 1] for name, each in zip(names, clips.inputs, strict=False)}
        for n in range(0, len(clips), step)
    ]
    if takes == "waveform":
        sounds = _sounds(clips, range(0, len(clips), step))
        extra = [{name: one[name] for name in one if name == "extra"} for one in every]
        every = [{"waveform": sound, **one} for sound, one in zip(sounds, extra, strict=True)]
    return every[::2], every[1::2]


def _sounds(clips: StudentClips, numbers: Iterable[int]) -> Iterator[np.ndarray]:
    """Of clips their sound, float32 [1, clip_samples], read again."""
    recording, sounds = -1, np.zeros((0, 0), np.float32)
    for number in numbers:
        if recording != (recording := int(clips.recording_of[number])):
            path = clips.recordings[recording].path
            sounds = clips.hearing.clips(clips.hearing.load(path, max_seconds=MAX_SECONDS))
        place = number - clips.clips_of(recording).start
        yield sounds[min(place, len(sounds) - 1)][None]


def _compared(
    student: Student, content: bytes, tested: list[dict[str, np.ndarray]]
) -> tuple[float, float]:
    """Share of clips that are named alike, and the largest difference of logits."""
    if not tested:
        return float("nan"), float("nan")
    run = litert_function(content)
    theirs = np.concatenate([run(**inputs) for inputs in tested])
    ours = np.concatenate([_own_logits(student, **inputs) for inputs in tested])
    return float((theirs.argmax(1) == ours.argmax(1)).mean()), float(np.abs(theirs - ours).max())


def _own_logits(
    student: Student, *, waveform: np.ndarray | None = None, **inputs: np.ndarray
) -> np.ndarray:
    """What the student itself says of a file's inputs."""
    if waveform is not None:
        mel, features = student.hearing.clip_inputs(waveform)
        inputs = {"mel": mel, "features": features, **inputs}
    return student.logits(**inputs)
