"""`fused-encoder evaluate`: a run's held-out files ask for their class."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from app.commands.outcome import outcome, table
from app.commands.sources import yamnet_from
from app.report import evaluation_sections, write_report
from inference.embed import Embedder
from training.evaluate import Evaluation, evaluate_encoder
from training.run import SavedRun, load_run
from triplets.features import PreparedMedia, Yamnet, prepare_media

METRICS = ("precision_at_1", "r_precision", "mean_average_precision_at_r")


def run(options: argparse.Namespace) -> int:
    """Evaluates, prints a table, and writes numbers and a report."""
    saved = load_run(options.run)
    evaluation, gallery, queries = evaluate_run(saved, yamnet_from(saved.yamnet_source))
    print(evaluation_table(evaluation))
    out = Path(options.out or saved.directory / "evaluation")
    out.mkdir(parents=True, exist_ok=True)
    write_metrics(out / "metrics.json", evaluation)
    sections = evaluation_sections(evaluation, gallery, queries, saved.history)
    report = write_report(out / "report.html", f"Evaluation of {saved.directory.name}", sections)
    print(f"\nThe report is in '{report}'.")
    return outcome((*gallery.skipped, *queries.skipped))


def evaluate_run(
    saved: SavedRun, yamnet: Yamnet
) -> tuple[Evaluation, PreparedMedia, PreparedMedia]:
    """The evaluation of a run, its gallery (what it was trained on) and its queries (held out)."""
    gallery, queries = (
        prepare_media(side, yamnet, max_audio_seconds=saved.options.max_audio_seconds)
        for side in (saved.training, saved.held_out)
    )
    for side in (gallery, queries):
        if not side.images or not side.recordings:
            raise FileNotFoundError(
                f"The photos and recordings of the run '{saved.directory}' cannot be read any more, such as "
                f"'{side.skipped[0].path}': {side.skipped[0].reason}. Put them back where they were."
            )
    embedder = Embedder.from_encoder(
        saved.encoder, yamnet, audio_seconds=saved.options.audio_seconds
    )
    return evaluate_encoder(embedder, gallery, queries), gallery, queries


def evaluation_table(evaluation: Evaluation) -> str:
    """One line per way of asking."""
    low, high = evaluation.interval
    rows = [
        (name, *(metrics[metric] for metric in METRICS))
        for name, metrics in evaluation.rows.items()
    ]
    num_queries = len(evaluation.queries.pairs.labels)
    return (
        table(rows, ("held-out queries", "P@1", "R-precision", "mAP@R"))
        + f"\n{num_queries} query pairs against {len(evaluation.gallery.pairs.labels)}; fused P@1 "
        f"95 % interval {low:.3f} to {high:.3f} (bootstrap over recordings)"
    )


def write_metrics(path: Path, evaluation: Evaluation) -> None:
    """The numbers as JSON."""
    record = {
        "rows": evaluation.rows,
        "fused_precision_at_1_interval": evaluation.interval,
        "thresholds": evaluation.thresholds,
        "num_queries": len(evaluation.queries.pairs.labels),
        "num_gallery": len(evaluation.gallery.pairs.labels),
    }
    path.write_text(json.dumps(record, indent=1), encoding="utf-8")
