"""`fused-encoder student prune`: the smallest weights of a student become 0, others make up for it."""

from __future__ import annotations

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

from app.cli.options import add_command, value
from app.cli.outcome import check_destination, import_tensorflow_quietly, outcome


def add_options(actions: argparse._SubParsersAction) -> None:
    """Adds the action to the parser."""
    parser = add_command(actions, "prune", "set the smallest weights of a student to 0")
    value(parser, "student", str, "RUN", "folder that `student train --out` wrote")
    value(parser, "--out", str, "DIR", "where the pruned student is written", required=True)
    sparsity = "of the weights of convolutions and dense layers that become 0"
    value(parser, "--sparsity", 0.5, "SHARE", sparsity, above=0, below=1)
    value(parser, "--steps", 3, "N", "in which more and more become 0", least=1)
    value(parser, "--epochs", 5, None, "of training in each step", least=1)
    value(parser, "--learning-rate", 1e-4, "R", "at its peak", above=0)
    value(parser, "--store", str, "DIR", "where inputs are kept (default: the cache)")


def run(options: argparse.Namespace) -> int:
    """Prunes, writes another run, and says how many weights are 0 and what it costs."""
    check_destination(options.out, "run.json", "unfinished-student.keras")
    import_tensorflow_quietly()
    from app.cli.student_train import TEACHER_FILE
    from student import load_student_run, prepare_clips, prune_student, save_student_run
    from student.distil import TrainedStudent
    from student.evaluate import clip_accuracy
    from student.taught import load_teacher_outputs
    from triplets import FeatureStore

    saved, store = load_student_run(options.student), FeatureStore(options.store)
    clips, validation = (
        prepare_clips(side, saved.student.hearing, extra=saved.extra, store=store)
        for side in (saved.training, saved.validation)
    )
    file = saved.directory / TEACHER_FILE
    pruned = prune_student(
        saved.student,
        clips,
        validation,
        load_teacher_outputs(file) if file.is_file() else None,
        sparsity=options.sparsity,
        num_steps=options.steps,
        options=replace(
            saved.options,
            epochs=options.epochs,
            learning_rate=options.learning_rate,
            warm_up_epochs=0,
        ),
    )
    told = {
        "sparsity": pruned.sparsity,
        "zipped_kilobytes": pruned.zipped_kilobytes,
        "zipped_kilobytes_before": pruned.zipped_kilobytes_before,
        "validation_accuracy": clip_accuracy(pruned.student, validation),
        "validation_accuracy_before": clip_accuracy(saved.student, validation),
    }
    save_student_run(
        options.out,
        TrainedStudent(pruned.student, pruned.student, saved.history),
        saved.options,
        saved.training,
        saved.validation,
        saved.held_out,
        teacher=saved.teacher,
        extra=saved.extra,
        pruned=told,
    )
    if file.is_file():
        shutil.copy(file, Path(options.out) / TEACHER_FILE)
    print(
        f"{pruned.sparsity:.3f} of the weights are 0. Compressed, all numbers take "
        f"{pruned.zipped_kilobytes:.1f} kB, before {pruned.zipped_kilobytes_before:.1f} kB. Validation clips "
        f"named rightly: {told['validation_accuracy']:.3f}, before {told['validation_accuracy_before']:.3f}. "
        f"The run is in '{options.out}'; next: fused-encoder student evaluate {options.out}"
    )
    return outcome((*clips.skipped, *validation.skipped))
