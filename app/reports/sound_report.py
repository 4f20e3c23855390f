"""The reports of sound classifiers: of a prediction, and of an evaluation."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import numpy as np

from app.reports.page import write_report
from app.reports.sound_plots import (
    HeardSpecies,
    ShownSound,
    plot_confidence,
    plot_learning,
    plot_precision_recall,
    plot_species_counts,
    plot_species_over_time,
    plot_spectrograms,
)
from individuals.outputs.media_details import short_media_names
from training.plots import plot_confusion

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from soundscapes.evaluate import SoundEvaluation

PAGE = "report.html"
MOST_SHOWN, MOST_PANELS = 8, 10
MOST_LISTED = 200
Row = dict[str, str]


def write_prediction_report(folder: str | Path) -> Path:
    """Writes `report.html` of what `predict_recordings` wrote into a folder.

    Args:
        folder: with `files.csv`, `events.csv` and the others.

    Returns:
        The page's path.

    Raises:
        FileNotFoundError: the folder holds no prediction.
    """
    root = Path(folder)
    made = json.loads((root / "prediction.json").read_text("utf-8"))
    files, events, species = (_rows(root / f"{n}.csv") for n in ("files", "events", "species"))
    confidence = _rows(root / "confidence.csv")
    edges = [float(row["from"]) for row in confidence] + [1.0]
    histograms = {
        what: [int(row[f"num_{what}"]) for row in confidence] for what in ("segments", "recordings")
    }
    figures: dict[str, Figure] = {"confidence": plot_confidence(edges, histograms)}
    best = sorted(events, key=lambda row: -float(row["score"]))
    levels = made["thresholds"]
    unsure = sorted(events, key=lambda row: abs(float(row["score"]) - levels[row["species"]]))
    if events:
        figures["species_over_time"] = _over_time(files, events)
        counts = {row["species"]: int(row["num_events"]) for row in species}
        figures["species_counts"] = plot_species_counts(counts, "events")
        figures["best_events"] = plot_spectrograms(_shown(_one_of_each(best)))
        figures["uncertain_events"] = plot_spectrograms(_shown(unsure[:MOST_SHOWN]))
    heard = [row for row in files if row["predicted_species"]]
    return write_report(
        root / PAGE,
        "sound_prediction.html",
        figures,
        title="Who sings, and when",
        made=made,
        files=[_file_cells(row) for row in heard[:MOST_LISTED]],
        num_files=len(files),
        num_heard=len(heard),
        num_events=len(events),
        skipped=[_skipped_cells(row) for row in files if _is_lost(row)][:MOST_LISTED],
        num_skipped=sum(map(_is_lost, files)),
        most_listed=MOST_LISTED,
        species=[
            _species_cells(row) for row in sorted(species, key=lambda row: -int(row["num_events"]))
        ],
    )


def write_sound_evaluation(
    path: str | Path,
    evaluation: SoundEvaluation,
    history: Mapping[str, Sequence[float]],
) -> Path:
    """Writes the page of an evaluation, and its pictures beside it.

    Args:
        path: of the page.
        evaluation: from `evaluate_sound_classifier`.
        history: of the training, for its curves; empty for none.

    Returns:
        The path.
    """
    recordings, scores = evaluation.recordings, evaluation.scores
    names, labels = recordings.class_names, recordings.labels() > 0
    primary, predicted = recordings.primary, scores.argmax(axis=1)
    confusion = np.zeros((len(names), len(names)), int)
    np.add.at(confusion, (primary, predicted), 1)
    matrix = plot_confusion(confusion, names)
    matrix.axes[0].set(xlabel="species that was named first", ylabel="species of the recording")
    figures = {
        "precision_and_recall": plot_precision_recall(scores, labels, names),
        "confusion": matrix,
        **_sheets(evaluation, predicted),
    }
    curves = {name: values for name, values in history.items() if len(values)}
    if curves:
        figures["learning_curves"] = plot_learning(curves)
    wrong = np.argwhere(confusion - np.diag(np.diag(confusion)))
    confusions = [(names[a], names[b], int(confusion[a, b])) for a, b in wrong]
    ways = (
        ("this classifier", evaluation.measures),
        ("floor: logistic regression on the mean frame", evaluation.floor),
    )
    return write_report(
        path,
        "sound_evaluation.html",
        figures,
        title="A sound classifier on held-out recordings",
        measures=evaluation.measures,
        rows=[(name, each.top1, each.average_precision, each.auroc) for name, each in ways],
        gain=evaluation.gain,
        gain_interval=evaluation.gain_interval,
        species=_species_rows(evaluation, predicted),
        confusions=sorted(confusions, key=lambda row: -row[2])[:20],
        skipped=[(str(one.path), one.reason) for one in evaluation.skipped],
    )


def _sheets(evaluation: SoundEvaluation, predicted: np.ndarray) -> dict[str, Figure]:
    """Spectrograms of the recordings that were named best, worst, and most nearly otherwise."""
    scores, primary = evaluation.scores, evaluation.recordings.primary
    of_true = scores[np.arange(len(scores)), primary]
    others = scores.copy()
    others[np.arange(len(scores)), primary] = -np.inf
    margin = of_true - others.max(axis=1)
    paths, names = [one.path for one in evaluation.recordings], evaluation.recordings.class_names

    def sheet(rows: np.ndarray) -> Figure:
        shown = [_told(paths[k], names, primary, predicted, of_true, k) for k in rows[:MOST_SHOWN]]
        return plot_spectrograms(shown)

    order = np.argsort(margin)
    return {
        "best_recordings": sheet(order[::-1]),
        "worst_recordings": sheet(order),
        "most_confused_recordings": sheet(order[np.argsort(np.abs(margin[order]))]),
    }


def _species_rows(evaluation: SoundEvaluation, predicted: np.ndarray) -> list[tuple]:
    """Name, recordings, average precision and share named first of each species, the worst first."""
    from sklearn.metrics import average_precision_score

    labels, primary = evaluation.recordings.labels() > 0, evaluation.recordings.primary
    rows = []
    for k, name in enumerate(evaluation.recordings.class_names):
        is_there, is_main = labels[:, k], primary == k
        precision = (
            average_precision_score(is_there, evaluation.scores[:, k]) if any(is_there) else np.nan
        )
        share = np.mean(predicted[is_main] == k) if any(is_main) else np.nan
        rows.append((name, int(is_there.sum()), float(precision), float(share)))
    return sorted(rows, key=lambda row: (np.isnan(row[2]), row[2]))


def _told(
    path: Path,
    names: Sequence[str],
    primary: np.ndarray,
    predicted: np.ndarray,
    of_true: np.ndarray,
    row: int,
) -> ShownSound:
    truth, answer = names[primary[row]], names[predicted[row]]
    is_right = bool(primary[row] == predicted[row])
    said = f"{truth} {of_true[row]:.2f}" + ("" if is_right else f", taken for {answer}")
    return ShownSound(Path(path), said, is_right=is_right)


def _rows(path: Path) -> list[Row]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _over_time(files: Sequence[Row], events: Sequence[Row]) -> Figure:
    """The recordings with most species, in their order."""
    heard: dict[str, list[HeardSpecies]] = {}
    for row in events:
        times = float(row["start_seconds"]), float(row["end_seconds"])
        one = HeardSpecies(row["species"], *times, float(row["score"]))
        heard.setdefault(row["file"], []).append(one)
    richest = sorted(heard, key=lambda file: -len({one.species for one in heard[file]}))
    kept = {*richest[:MOST_PANELS]}
    names = short_media_names(row["file"] for row in files)
    return plot_species_over_time(
        {names[file]: ones for file, ones in heard.items() if file in kept},
        {names[row["file"]]: float(row["decoded_seconds"] or 0) for row in files},
    )


def _one_of_each(events: Sequence[Row]) -> list[Row]:
    """The first event of each species, then the others."""
    first = {row["species"]: row for row in reversed(events)}
    return [*(row for row in events if first[row["species"]] is row)][:MOST_SHOWN]


def _shown(events: Sequence[Row]) -> list[ShownSound]:
    return [
        ShownSound(
            Path(row["file"]),
            f"{row['species']} {float(row['score']):.2f}, {PurePath(row['file']).name}",
            float(row["start_seconds"]),
            float(row["end_seconds"]),
        )
        for row in events
    ]


def _is_lost(row: Row) -> bool:
    return row["status"] != "ok" or bool(row["not_heard"])


def _file_cells(row: Row) -> tuple[object, ...]:
    return (
        row["file"],
        float(row["decoded_seconds"]),
        row["predicted_species"],
        float(row["confidence"]),
        row["clipped"] and f"clipped: {row['clipped']}",
    )


def _species_cells(row: Row) -> tuple[object, ...]:
    numbers = [int(row[f"num_{what}"]) for what in ("recordings", "segments", "events")]
    return row["species"], *numbers, float(row["seconds"]), float(row["threshold"])


def _skipped_cells(row: Row) -> tuple[object, ...]:
    return row["file"], row["status"], row["reason"], row["not_heard"]
