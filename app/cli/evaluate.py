"""`fused-encoder evaluate`: a run's held-out files ask for their class."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from pathlib import Path

from app.cli.destination import check_destination
from app.cli.outcome import outcome, table
from app.cli.sources import yamnet_from
from app.reports.report import interval_text, write_evaluation_report
from fused_encoder.front_ends.yamnet import Yamnet
from inference.embed import Embedder
from training.evaluate import Evaluation, evaluate_encoder
from training.evaluation_record import evaluation_record
from training.run import EVALUATION_FOLDER, SavedRun, changes_since_training, load_run
from triplets.features import PreparedMedia, prepare_media

logger = logging.getLogger(__name__)

METRICS_FILE = "metrics.json"


def run(options: argparse.Namespace) -> int:
    """Evaluates, prints a table, and writes numbers and a report."""
    saved = load_run(options.run)
    out = Path(options.out or saved.directory / EVALUATION_FOLDER)
    check_destination(out, METRICS_FILE)
    yamnet = yamnet_from(saved.yamnet_source)
    evaluation, gallery, queries = evaluate_run(saved, yamnet)
    print(evaluation_table(evaluation))
    notes = changes_since_training(saved, yamnet, gallery, queries)
    write_metrics(out / METRICS_FILE, evaluation, notes)
    report = write_evaluation_report(
        out / "report.html",
        f"Evaluation of {saved.directory.resolve().name}",
        evaluation,
        gallery,
        queries,
        history=saved.history,
        notes=notes,
    )
    print(f"\nThe report is in '{report}'.")
    return outcome((*gallery.skipped, *queries.skipped))


def evaluate_run(
    saved: SavedRun, yamnet: Yamnet
) -> tuple[Evaluation, PreparedMedia, PreparedMedia]:
    """The evaluation of a run, its gallery (what it was trained on) and its queries (held out).

    What is not as it was in training is logged as a warning.
    """
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
    for change in changes_since_training(saved, yamnet, gallery, queries):
        logger.warning(change)
    embedder = embedder_of(saved, yamnet)
    evaluation = evaluate_encoder(embedder, gallery, queries, encoder=saved.encoder)
    return evaluation, gallery, queries


def embedder_of(saved: SavedRun, yamnet: Yamnet) -> Embedder:
    """The embedder of a run's encoder, as its export will be."""
    return Embedder.from_encoder(
        saved.encoder,
        yamnet,
        audio_seconds=saved.options.window_seconds,
        max_windows=saved.options.max_windows,
    )


def evaluation_table(evaluation: Evaluation) -> str:
    """One line per way of asking."""
    rows = [
        (
            name,
            int(row["num_queries"]),
            int(row["num_gallery"]),
            row["precision_at_1"],
            interval_text(row),
            row["r_precision"],
            row["mean_average_precision_at_r"],
        )
        for name, row in evaluation.rows.items()
    ]
    header = (
        "held-out queries",
        "asked",
        "gallery",
        "P@1",
        "95 % interval",
        "R-precision",
        "mAP@R",
    )
    guessing = evaluation.rows["fused"]["chance_precision_at_1"]
    return (
        table(rows, header)
        + f"\nGuessing would give a fused P@1 of {guessing:.3f}. Intervals: bootstrap over "
        "photos and recordings."
    )


def write_metrics(path: Path, evaluation: Evaluation, notes: Sequence[str] = ()) -> None:
    """The numbers as JSON: see `evaluation_record` for the keys."""
    record = evaluation_record(evaluation, notes)
    text = json.dumps(record, indent=1, allow_nan=False)
    path.write_text(text, encoding="utf-8")
