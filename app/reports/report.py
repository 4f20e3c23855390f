"""The report of an evaluation: what its page, `templates/evaluation.html`, shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.reports.page import write_report
from inference.embeddings import fingerprint_of
from inference.export import library_versions
from training.evaluate import Evaluation, common_confusions
from training.plots import plot_confusion, plot_embedding_map, plot_history, plot_rows
from training.query_matches import plot_query_matches
from training.query_sheet import SHOWN_SECONDS, best_and_worst_queries, plot_query_sheet
from triplets.prepared import ABSENT, PreparedMedia

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MIN_MAPPED = 5
FEW_SOURCES = 20
FEW_MARK = "*"
FEW_NOTE = (
    f"{FEW_MARK} The interval rests on fewer than {FEW_SOURCES} sources. A percentile bootstrap of so few "
    "is too narrow: it holds the truth in 0.89 to 0.91 of all cases, not in 0.95."
)
"""Said where an interval rests on few sources; docs/results.md measures it."""
ROW_NAMES = {
    "fused": "photo and call together",
    "without_sound": "photo, sound absent",
    "without_photo": "call, photo absent",
    "image_only": "photos among photos",
    "audio_only": "calls among calls",
    "raw_pixels": "floor: pixels",
    "raw_image_features": "floor: frozen backbone",
    "raw_audio_sequence": "floor: mean frame of sound",
}
COMPARED_NAMES = ROW_NAMES | {
    "background_only": "control: the photo without its animal",
    "wrong_sound": "control: photo with a call of another class",
    "wrong_photo": "control: call with a photo of another class",
    "image_class_mean": "floor: nearest class mean, photo",
    "audio_class_mean": "floor: nearest class mean, call",
    "image_logistic": "floor: logistic regression, photo",
    "audio_logistic": "floor: logistic regression, call",
    "both_logistic": "floor: logistic regression, both added",
}


def write_evaluation_report(
    path: Path,
    title: str,
    evaluation: Evaluation,
    gallery: PreparedMedia,
    queries: PreparedMedia,
    *,
    history: Mapping[str, Sequence[float]],
    notes: Sequence[str] = (),
    with_matches: bool = False,
    template: str = "evaluation.html",
    figures: Mapping[str, Figure] | None = None,
    **more: object,
) -> Path:
    """Writes the page of an evaluation, and its pictures beside it.

    Args:
        path: of the page.
        title: of the page.
        evaluation: of these media.
        gallery: the media that were searched.
        queries: the media that asked.
        history: of the training, for its curves; empty for none.
        notes: what the reader must know before anything else.
        with_matches: whether queries are also compared with what they found in detail, by lines.
        template: "evaluation.html", or one that extends it.
        figures: further ones of such a template.
        more: further values of such a template.

    Returns:
        The path.
    """
    best, worst = best_and_worst_queries(evaluation, gallery, queries)
    names, pairs = evaluation.class_names, evaluation.queries.pairs
    drawn = {
        "held_out_files_find_their_class": plot_rows(evaluation.rows, ROW_NAMES),
        "confusion_among_nearest_neighbours": plot_confusion(evaluation.confusion, names),
    }
    for name, answered in (("best_queries", best), ("worst_queries", worst)):
        if answered:
            drawn[name] = plot_query_sheet(answered, names)
            if with_matches and any(query.query.photo_path for query in answered):
                drawn[f"{name}_in_detail"] = plot_query_matches(answered, names)
    embeddings = evaluation.queries.by_pattern["fused"]
    if len(pairs.labels) >= MIN_MAPPED:
        drawn["where_embeddings_lie"] = plot_embedding_map(
            embeddings, pairs.labels.tolist(), class_names=names
        )
    if history.get("loss"):
        drawn["training"] = plot_history(history)
    return write_report(
        path,
        template,
        drawn | dict(figures or {}),
        title=title,
        notes=notes,
        evaluation=evaluation,
        gallery=gallery,
        history=history,
        numbers=_numbers(evaluation),
        comparisons=comparison_cells(evaluation),
        classes=_classes(evaluation),
        confusions=common_confusions(evaluation.confusion, names),
        best=best,
        worst=worst,
        shown_seconds=SHOWN_SECONDS,
        kind=evaluation.main_row,
        has_background=any(row.name == "background_only" for row in evaluation.comparisons),
        few_note=FEW_NOTE if has_few_sources(evaluation) else "",
        num_photos=len({*pairs.images.tolist()} - {ABSENT}),
        num_recordings=len({*pairs.recordings.tolist()} - {ABSENT}),
        fingerprint=fingerprint_of(embeddings),
        versions=library_versions(),
        **more,
    )


def interval_text(
    low: float, high: float, form: str = ".3f", *, num_sources: float = FEW_SOURCES
) -> str:
    """A 95 % interval in words, such as "0.720 to 0.970"; "–" where there is none.

    One of few sources has a mark, see `FEW_NOTE`.
    """
    if not low <= high:  # NaN compares as false
        return "–"
    mark = f" {FEW_MARK}" if num_sources < FEW_SOURCES else ""
    return f"{low:{form}} to {high:{form}}{mark}"


def has_few_sources(evaluation: Evaluation) -> bool:
    """Whether an interval of an evaluation rests on few sources, so that it is too narrow."""
    numbers = [row["num_sources"] for row in evaluation.rows.values()]
    numbers += [row.num_sources for row in evaluation.comparisons]
    return any(number < FEW_SOURCES for number in numbers)


def comparison_cells(evaluation: Evaluation) -> list[tuple[object, ...]]:
    """Rows of what counts once, the way of asking, P@1, the difference and its interval.

    The first of each kind, from which the others are taken, has no difference.
    """
    cells: list[tuple[object, ...]] = []
    kinds: set[str] = set()
    for row in evaluation.comparisons:
        low, high = row.difference_low, row.difference_high
        interval = interval_text(low, high, "+.3f", num_sources=row.num_sources)
        apart = (row.difference, interval) if row.per in kinds else ("", "")
        name = COMPARED_NAMES.get(row.name, row.name)
        cells.append((f"{row.num} {row.per}s", name, row.precision_at_1, *apart))
        kinds.add(row.per)
    return cells


def number_cells(row: Mapping[str, float]) -> tuple[object, ...]:
    """Numbers of queries and of the gallery, P@1 and its interval, R-precision, mAP@R."""
    return (
        int(row["num_queries"]),
        int(row["num_gallery"]),
        row["precision_at_1"],
        interval_text(
            row["precision_at_1_low"],
            row["precision_at_1_high"],
            num_sources=row["num_sources"],
        ),
        row["r_precision"],
        row["mean_average_precision_at_r"],
    )


def _numbers(evaluation: Evaluation) -> list[tuple[object, ...]]:
    return [
        (f"{ROW_NAMES[name]} ({name})", *number_cells(row), row["chance_precision_at_1"])
        for name, row in evaluation.rows.items()
    ]


def _classes(evaluation: Evaluation) -> list[tuple[object, ...]]:
    number = {name: index for index, name in enumerate(evaluation.class_names, start=1)}
    results = sorted(evaluation.classes, key=lambda one: (one.precision_at_1, one.r_precision))
    return [
        (
            result.name,
            number[result.name],
            result.num_queries,
            result.precision_at_1,
            result.r_precision,
            result.mean_average_precision_at_r,
            result.taken_for or "–",
            result.num_taken_for,
        )
        for result in results
    ]
