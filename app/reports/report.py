"""The report of an evaluation: what its page says and shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from app.reports.page import Section, write_report
from app.reports.report_words import (
    COMPARED_NAMES,
    COMPARISONS,
    QUERY_SHEET,
    ROW_NAMES,
    explanation,
)
from training.class_results import common_confusions
from training.evaluate import Evaluation
from training.plots import plot_confusion, plot_embedding_map, plot_history, plot_rows
from training.query_sheet import (
    AnsweredQuery,
    best_and_worst_queries,
    plot_query_sheet,
)
from triplets.prepared import PreparedMedia

MIN_MAPPED = 5


def write_evaluation_report(
    path: Path,
    title: str,
    evaluation: Evaluation,
    gallery: PreparedMedia,
    queries: PreparedMedia,
    *,
    history: Mapping[str, Sequence[float]],
    notes: Sequence[str] = (),
) -> Path:
    """Writes the page of an evaluation, and its pictures beside it; see `evaluation_sections`."""
    sections = evaluation_sections(evaluation, gallery, queries, history, notes)
    return write_report(path, title, sections)


def evaluation_sections(
    evaluation: Evaluation,
    gallery: PreparedMedia,
    queries: PreparedMedia,
    history: Mapping[str, Sequence[float]],
    notes: Sequence[str] = (),
) -> list[Section]:
    """What there is to see of a trained encoder.

    Args:
        evaluation: of these media.
        gallery: the media that were searched.
        queries: the media that asked.
        history: of the training, for its curves; empty for none.
        notes: what the reader must know before anything else.

    Returns:
        Sections for `write_report`.
    """
    best, worst = best_and_worst_queries(evaluation, gallery, queries)
    return [
        *([Section("Before you read on", notes, is_note=True)] if notes else []),
        _numbers(evaluation),
        *([_comparisons(evaluation)] if evaluation.comparisons else []),
        _explanation(evaluation),
        _classes(evaluation),
        _confusions(evaluation),
        *_queries("Best queries", best, evaluation),
        *_queries("Worst queries", worst, evaluation),
        *_map(evaluation),
        *_training(gallery, history),
    ]


def interval_text(row: Mapping[str, float], metric: str = "precision_at_1") -> str:
    """The 95 % interval of a row's metric in words, such as "0.72 to 0.97"; "–" where there is none."""
    low, high = row[f"{metric}_low"], row[f"{metric}_high"]
    return f"{low:.3f} to {high:.3f}" if low <= high else "–"  # NaN compares as false


def _numbers(evaluation: Evaluation) -> Section:
    rows = [
        (
            f"{ROW_NAMES[name]} ({name})",
            int(row["num_queries"]),
            int(row["num_gallery"]),
            row["precision_at_1"],
            interval_text(row),
            row["r_precision"],
            row["mean_average_precision_at_r"],
            row["chance_precision_at_1"],
        )
        for name, row in evaluation.rows.items()
    ]
    spoken = "; ".join(f"{row[0]}: {row[3]:.3f}, {row[4]}" for row in rows)
    return Section(
        "Held-out photos and calls find their class",
        f"{len(evaluation.queries.pairs.labels)} pairs of a photo and a call that were held out ask "
        f"{len(evaluation.gallery.pairs.labels)} pairs of the gallery, of {len(evaluation.class_names)} "
        "classes. The floors use features that were not trained.",
        (
            "asked with",
            "queries",
            "gallery",
            "P@1",
            "95 % interval",
            "R-prec.",
            "mAP@R",
            "guessing",
        ),
        rows,
        plot_rows(evaluation.rows, ROW_NAMES),
        f"Precision at 1 of each way of asking, with its 95 % interval. {spoken}.",
        "Retrieval by each way of asking",
    )


def comparison_cells(evaluation: Evaluation) -> list[tuple[object, ...]]:
    """Rows of what counts once, the way of asking, P@1, the difference and its interval."""
    return [
        (
            f"{row.num} {row.per}s",
            COMPARED_NAMES.get(row.name, ROW_NAMES.get(row.name, row.name)),
            row.precision_at_1,
            row.difference,
            f"{row.difference_low:+.3f} to {row.difference_high:+.3f}"
            if row.difference_low <= row.difference_high  # NaN compares as false
            else "–",
        )
        for row in evaluation.comparisons
    ]


def _comparisons(evaluation: Evaluation) -> Section:
    return Section(
        "What the second modality is worth",
        COMPARISONS,
        ("over the same", "asked with", "P@1", "together less this", "95 % interval"),
        comparison_cells(evaluation),
    )


def _explanation(evaluation: Evaluation) -> Section:
    return Section("How these numbers came about", explanation(evaluation))


def _classes(evaluation: Evaluation) -> Section:
    number = {name: index for index, name in enumerate(evaluation.class_names, start=1)}
    ordered = sorted(
        evaluation.classes, key=lambda result: (result.precision_at_1, result.r_precision)
    )
    return Section(
        "Class by class",
        "Pairs of a photo and a call, the least found class first. Few queries make a rough figure.",
        ("class", "no.", "queries", "P@1", "R-prec.", "mAP@R", "most often taken for", "times"),
        [
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
            for result in ordered
        ],
        caption="Retrieval per class",
    )


def _confusions(evaluation: Evaluation) -> Section:
    common = common_confusions(evaluation.confusion, evaluation.class_names)
    spoken = "; ".join(
        f"{asked} found {found} {times} times" for asked, found, times, _ in common[:5]
    )
    return Section(
        "Confusion among nearest neighbours",
        "Of the queries of each class (rows), how many in a hundred found each class (columns) first; the "
        "diagonal is right. Of many classes, those with most confusions are drawn; metrics.json has all.",
        ("class", "was taken for", "times", "share of its queries"),
        common,
        plot_confusion(evaluation.confusion, evaluation.class_names),
        f"Matrix of classes that asked and classes that were found. Most frequent: {spoken or 'none'}.",
        "The most frequent confusions",
    )


def _queries(
    heading: str, answered: Sequence[AnsweredQuery], evaluation: Evaluation
) -> list[Section]:
    if not answered:
        return []
    rows = [
        (
            query.query.label,
            query.query.photo_path.name if query.query.photo_path else "–",
            query.query.recording_path.name if query.query.recording_path else "–",
            query.neighbours[0].shown.label,
            query.neighbours[0].similarity,
            query.gap,
        )
        for query in answered
    ]
    return [
        Section(
            heading,
            QUERY_SHEET,
            ("class", "photo", "recording", "found first", "similarity", "gap"),
            rows,
            plot_query_sheet(answered, evaluation.class_names),
            " ".join(_spoken(query) for query in answered),
            f"{heading}: files",
        )
    ]


def _spoken(query: AnsweredQuery) -> str:
    found = ", ".join(
        f"{'right' if near.is_right else 'wrong'} {near.shown.label} {near.similarity:.2f}"
        for near in query.neighbours
    )
    return f"{query.query.label} ({query.query.name}) found {found}."


def _map(evaluation: Evaluation) -> list[Section]:
    labels = evaluation.queries.pairs.labels.tolist()
    if len(labels) < MIN_MAPPED:
        return []
    embeddings = evaluation.queries.by_pattern["fused"]
    return [
        Section(
            "Where embeddings lie",
            "Held-out pairs on a plane (t-SNE): near ones are similar; distances between groups, and the "
            "sizes of groups, mean little. Numbers, where they stand for names, are those of the table of "
            "classes.",
            figure=plot_embedding_map(embeddings, labels, class_names=evaluation.class_names),
            alt=f"Map of the embeddings of {len(labels)} held-out pairs, coloured by class",
        )
    ]


def _training(gallery: PreparedMedia, history: Mapping[str, Sequence[float]]) -> list[Section]:
    if not history.get("loss"):
        return []
    last = ", ".join(f"{name} {values[-1]:.3f}" for name, values in history.items() if values)
    return [
        Section(
            "Training",
            f"{len(gallery.images)} photos and {len(gallery.recordings)} recordings of "
            f"{len(gallery.class_names)} classes. Retrieval during training asks fewer pairs than above.",
            figure=plot_history(history),
            alt=f"Loss and held-out retrieval over the epochs; at the end: {last}",
        )
    ]
