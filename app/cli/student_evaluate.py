"""`fused-encoder student evaluate`: what a student makes of recordings that it has never heard."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.options import add_command, value
from app.cli.outcome import check_destination, import_tensorflow_quietly, outcome, table

if TYPE_CHECKING:
    from student import StudentEvaluation


def add_options(actions: argparse._SubParsersAction) -> None:
    """Adds the action to the parser."""
    parser = add_command(actions, "evaluate", "measure a student on held-out recordings")
    value(parser, "student", str, "RUN", "folder that `student train --out` wrote")
    value(parser, "--out", str, "DIR", "where the tables go (default: in RUN)")
    value(parser, "--store", str, "DIR", "where inputs are kept (default: the cache)")


def run(options: argparse.Namespace) -> int:
    """Evaluates, prints a table, and writes figures, confusions and the misclassified."""
    import_tensorflow_quietly()
    from soundscapes.recordings import LabelledRecordings
    from student import evaluate_student, load_student_run, write_evaluation
    from triplets import FeatureStore

    saved = load_student_run(options.student)
    out = Path(options.out or saved.directory / "evaluation")
    check_destination(out, "metrics.json")
    names = saved.student.class_names
    evaluation = evaluate_student(
        saved.student,
        saved.held_out,
        others=LabelledRecordings(names, (*saved.training, *saved.validation)),
        extra=saved.extra,
        store=FeatureStore(options.store),
    )
    print(evaluation_text(evaluation))
    written = write_evaluation(out, evaluation, saved.history)
    print(f"Written: {', '.join(path.name for path in written)} in '{out}'.")
    return outcome(evaluation.clips.skipped)


def evaluation_text(evaluation: StudentEvaluation) -> str:
    """Figures, the published "unknown", and what circumstances alone tell."""
    rows = [
        [name, getattr(evaluation, name.replace(" ", "_").lower())]
        for name in ("Accuracy", "Weighted F1", "Macro F1")
    ]
    lines = [
        table(rows, [f"{len(evaluation.clips.recordings)} held-out recordings", ""]),
        f'"Unknown", by a probability below 0.7 (not calibrated): {evaluation.unknown_share:.3f}; of the '
        f"others {evaluation.known_accuracy:.3f} are named rightly.",
    ]
    if evaluation.probe is not None:
        lines.append(evaluation.probe.in_words())
    return "\n".join(lines)
