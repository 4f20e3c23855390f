"""`fused-encoder classify evaluate`: a sound classifier's held-out recordings, beside a floor."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.options import add_command, value
from app.cli.outcome import check_destination, import_tensorflow_quietly, outcome, table

if TYPE_CHECKING:
    from soundscapes.evaluate import SoundEvaluation
    from soundscapes.probes import ConfoundProbe

METRICS_FILE, SCORES_FILE = "metrics.json", "scores.csv"


def add_options(actions: argparse._SubParsersAction) -> None:
    """Adds the action to the parser."""
    parser = add_command(actions, "evaluate", "measure a sound classifier on held-out recordings")
    value(parser, "classifier", str, "RUN", "folder that `classify train --out` wrote")
    value(parser, "--out", str, "DIR", "where the report goes (default: in RUN)")
    store = "where frames are kept, the --store of `classify train` (default: the cache)"
    value(parser, "--store", str, "DIR", store)
    rate = "false-positive rate that the thresholds of the species promise"
    value(parser, "--false-positive-rate", 0.001, "R", rate, above=0, below=1)


def run(options: argparse.Namespace) -> int:
    """Evaluates, prints a table, and writes scores, thresholds and a report."""
    import_tensorflow_quietly()
    from app.reports.sound_report import write_sound_evaluation
    from soundscapes.certify import certify_classifier
    from soundscapes.evaluate import evaluate_sound_classifier
    from soundscapes.probes import confound_probe
    from soundscapes.recordings import LabelledRecordings
    from soundscapes.run import load_sound_run
    from soundscapes.thresholds_file import save_thresholds
    from triplets import FeatureStore

    saved = load_sound_run(options.classifier)
    out = Path(options.out or saved.directory / "evaluation")
    check_destination(out, METRICS_FILE)
    evaluation = evaluate_sound_classifier(
        saved.classifier,
        saved.training,
        saved.held_out,
        max_seconds=saved.options.max_seconds,
        store=FeatureStore(options.store),
    )
    print(evaluation_table(evaluation))
    every = (*saved.training, *saved.held_out)
    probe = confound_probe(LabelledRecordings(saved.classifier.class_names, every))
    if probe is not None:
        print(probe.in_words())
    thresholds = certify_classifier(
        saved.classifier,
        evaluation.recordings,
        evaluation.sources.tolist(),
        false_positive_rate=options.false_positive_rate,
    )
    print(thresholds.in_words())
    save_thresholds(saved.directory, thresholds)
    _write_metrics(out / METRICS_FILE, evaluation, probe)
    _write_scores(out / SCORES_FILE, evaluation)
    report = write_sound_evaluation(out / "report.html", evaluation, saved.history)
    print(f"Report: {report}")
    return outcome(evaluation.skipped)


def evaluation_table(evaluation: SoundEvaluation) -> str:
    """The classifier beside its floor, and the difference in words."""
    rows = [
        [name, each.top1, each.average_precision, each.auroc]
        for name, each in (
            ("this classifier", evaluation.measures),
            ("floor: logistic regression on the mean frame", evaluation.floor),
        )
    ]
    low, high = evaluation.gain_interval
    told = (
        f"{evaluation.measures.num_rows} held-out recordings. Top-1 less the floor's: "
        f"{evaluation.gain:+.3f} (95 % interval {low:+.3f} to {high:+.3f}, by source)."
    )
    header = ["", "top-1", "average precision", "AUROC"]
    return f"{table(rows, header)}\n{told}"


def _write_metrics(path: Path, evaluation: SoundEvaluation, probe: ConfoundProbe | None) -> None:
    from media.atomic import write_text_atomically

    record = {
        "measures": asdict(evaluation.measures),
        "floor": asdict(evaluation.floor),
        "top1_gain": evaluation.gain,
        "top1_gain_interval": evaluation.gain_interval,
        "confounds": None if probe is None else asdict(probe),
    }
    write_text_atomically(path, json.dumps(record, indent=1))


def _write_scores(path: Path, evaluation: SoundEvaluation) -> None:
    import pandas as pd

    from media.atomic import write_text_atomically

    names = evaluation.recordings.class_names
    scores = pd.DataFrame(evaluation.scores, columns=list(names))
    scores.insert(0, "filename", [str(one.path) for one in evaluation.recordings])
    scores.insert(1, "species", [names[one.primary] for one in evaluation.recordings])
    write_text_atomically(path, scores.to_csv(index=False))
