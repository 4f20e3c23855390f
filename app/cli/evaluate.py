"""`fused-encoder evaluate`: a run's held-out files search for their class."""

from __future__ import annotations

import argparse
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.options import add_command, add_run, switch, value
from app.cli.outcome import check_destination, import_tensorflow_quietly, outcome, table

if TYPE_CHECKING:
    from fused_encoder import AudioFrontEnd
    from inference import Embedder
    from training import Evaluation
    from training.run import SavedRun
    from triplets import PreparedMedia

logger = logging.getLogger(__name__)

METRICS_FILE = "metrics.json"


def add_options(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    parser = add_command(commands, "evaluate", "measure retrieval of held-out files, and report")
    add_run(parser)
    value(parser, "--out", str, "DIR", "where the report goes (default: in RUN)")
    switch(parser, "--matches", "also draw what queries share with what they found, photo by photo")


def run(options: argparse.Namespace) -> int:
    """Evaluates, prints a table, and writes numbers and a report."""
    import_tensorflow_quietly()
    from app.reports.report import write_evaluation_report
    from training.near_duplicates import tell_of_near_duplicates
    from training.run import EVALUATION_FOLDER, changes_since_training, load_run

    saved = load_run(options.run)
    out = Path(options.out or saved.directory / EVALUATION_FOLDER)
    check_destination(out, METRICS_FILE)
    front_end = front_end_of(saved)
    evaluation, gallery, queries = evaluate_run(saved, front_end)
    print(evaluation_table(evaluation))
    notes = changes_since_training(saved, front_end, gallery, queries)
    if doubt := tell_of_near_duplicates(gallery, queries):
        notes.append(doubt)
    write_metrics(out / METRICS_FILE, evaluation, notes)
    report = write_evaluation_report(
        out / "report.html",
        f"Evaluation of {saved.directory.resolve().name}",
        evaluation,
        gallery,
        queries,
        history=saved.history,
        notes=notes,
        with_matches=options.matches,
    )
    print(f"\nThe report is in '{report}'.")
    return outcome((*gallery.skipped, *queries.skipped))


def evaluate_run(
    saved: SavedRun, front_end: AudioFrontEnd | None
) -> tuple[Evaluation, PreparedMedia, PreparedMedia]:
    """The evaluation of a run, its gallery (what it was trained on) and its queries (held out)."""
    from training import evaluate_encoder

    gallery, queries = media_of(saved, front_end)
    embedder = embedder_of(saved, front_end)
    evaluation = evaluate_encoder(embedder, gallery, queries, encoder=saved.encoder)
    return evaluation, gallery, queries


def media_of(
    saved: SavedRun, front_end: AudioFrontEnd | None
) -> tuple[PreparedMedia, PreparedMedia]:
    """What a run was trained on, and what it held out.

    What is not as it was in training is logged as a warning.
    """
    from training.run import changes_since_training
    from triplets import prepare_media

    gallery, queries = (
        prepare_media(side, front_end, max_audio_seconds=saved.options.max_audio_seconds)
        for side in (saved.training, saved.held_out)
    )
    for side in (gallery, queries):
        if not side.images and not side.recordings:
            raise FileNotFoundError(
                f"The files of the run '{saved.directory}' cannot be read any more, such as "
                f"'{side.skipped[0].path}': {side.skipped[0].reason}. Put them back where they were."
            )
    for change in changes_since_training(saved, front_end, gallery, queries):
        logger.warning(change)
    return gallery, queries


def front_end_of(saved: SavedRun) -> AudioFrontEnd | None:
    """The front end of a run; None where it has no recordings."""
    from fused_encoder.front_ends.by_name import load_front_end

    return load_front_end(saved.front_end_source) if saved.training.recordings else None


def embedder_of(saved: SavedRun, front_end: AudioFrontEnd | None) -> Embedder:
    """The embedder of a run's encoder, as its export will be."""
    from inference import Embedder

    return Embedder.from_encoder(
        saved.encoder,
        front_end,
        audio_seconds=saved.options.window_seconds,
        max_windows=saved.options.max_windows,
    )


def evaluation_table(evaluation: Evaluation) -> str:
    """One line per way of asking; then the ways compared over the same photos and recordings."""
    from app.reports.report import (
        FEW_NOTE,
        comparison_cells,
        has_few_sources,
        number_cells,
    )

    rows = [(name, *number_cells(row)) for name, row in evaluation.rows.items()]
    header = (
        "held-out queries",
        "asked",
        "gallery",
        "P@1",
        "95 % interval",
        "R-precision",
        "mAP@R",
    )
    guessing = evaluation.rows[evaluation.main_row]["chance_precision_at_1"]
    pairs, this = "", "the encoder"
    if evaluation.main_row == "fused":
        this = "together"
        pairs = (
            " The fused row is a mean over pairs, the others over photos or recordings; the next table "
            "compares them."
        )
    compared = ("over the same", "asked with", "P@1", f"{this} less this", "95 % interval")
    few = f"\n{FEW_NOTE}" if has_few_sources(evaluation) else ""
    return (
        table(rows, header)
        + f"\nGuessing would give a P@1 of {guessing:.3f} ({evaluation.main_row}). Intervals: bootstrap over "
        f"the sources of what asks.{pairs}\n\n{table(comparison_cells(evaluation), compared)}{few}"
    )


def write_metrics(path: Path, evaluation: Evaluation, notes: Sequence[str] = ()) -> None:
    """The numbers as JSON: see `evaluation_record` for the keys."""
    from training.evaluation_record import evaluation_record

    record = evaluation_record(evaluation, notes)
    text = json.dumps(record, indent=1, allow_nan=False)
    path.write_text(text, encoding="utf-8")
