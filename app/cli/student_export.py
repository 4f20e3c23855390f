"""`fused-encoder student export`: a student as a file for a phone, a board or a server."""

from __future__ import annotations

import argparse
from pathlib import Path

from app.cli.options import add_command, choice, value
from app.cli.outcome import DONE, import_tensorflow_quietly

PRECISIONS = ("int8", "dynamic", "float16", "float32")
OTHERS = ("saved_model", "onnx")


def add_options(actions: argparse._SubParsersAction) -> None:
    """Adds the action to the parser."""
    parser = add_command(actions, "export", "write a student as a LiteRT file, SavedModel or ONNX")
    value(parser, "student", str, "RUN", "folder that `student train --out` wrote")
    value(parser, "--out", str, "FILE", "such as student.tflite", required=True)
    kinds = "LiteRT with numbers of 8 bits, weights of 8 bits, 16 bits, 32 bits; or another format"
    choice(parser, "--format", (*PRECISIONS, *OTHERS), kinds)
    takes = "a clip's mel rows and features, which StudentHearing makes, or its sound as it is"
    choice(parser, "--input", ("mel", "waveform"), takes)
    value(parser, "--store", str, "DIR", "where inputs are kept (default: the cache)")


def run(options: argparse.Namespace) -> int:
    """Writes the file, and says how large it is and whether it names what the student names."""
    if options.format == "onnx" and options.input == "waveform":
        raise ValueError(
            "An ONNX file takes mel and features (--input mel): its converter has no spectrum of sound. A "
            "LiteRT file or a SavedModel takes the waveform."
        )
    import_tensorflow_quietly()
    from student import load_student_run, load_unknown_rule, prepare_clips
    from student.export import export_litert, export_onnx, export_student_saved_model
    from student.unknown import UNKNOWN_FILE
    from triplets import FeatureStore

    saved = load_student_run(options.student)
    has_rule = (saved.directory / UNKNOWN_FILE).is_file()
    rule = load_unknown_rule(saved.directory) if has_rule else None
    accuracy = max(saved.history.get("val_accuracy", [float("nan")]))
    told = {"teacher": dict(saved.teacher), "validation_accuracy": accuracy}
    if saved.pruned:
        told["pruned"] = dict(saved.pruned)
    if options.format == "onnx":
        file = export_onnx(saved.student, options.out, unknown=rule, told=told)
        print(f"Written: '{file}'.")
        return DONE
    if options.format == "saved_model":
        folder = export_student_saved_model(
            saved.student, options.out, takes=options.input, unknown=rule, told=told
        )
        print(f"Written: '{folder}'.")
        return DONE
    clips = prepare_clips(
        saved.training, saved.student.hearing, extra=saved.extra, store=FeatureStore(options.store)
    )
    written = export_litert(
        saved.student,
        options.out,
        precision=options.format,
        takes=options.input,
        clips=clips,
        unknown=rule,
        told=told,
    )
    print(
        f"Written: '{Path(written.path)}', {written.kilobytes:.1f} kB of {written.precision}; it names "
        f"{written.agreement:.4f} of {written.num_tested} training clips as the student does (logits differ "
        f"by at most {written.max_difference:.3g})."
    )
    return DONE
