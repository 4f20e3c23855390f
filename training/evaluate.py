"""Evaluate: held-out photos and recordings ask, training photos and recordings answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import keras
import numpy as np

from inference.embed import Embedder
from inference.metrics import (
    RightAndWrong,
    confusion_counts,
    nearest_right_and_wrong,
    retrieval_metrics_per_query,
)
from training.comparison import ask_all_ways
from training.floors import frozen_image_features
from training.paired_hits import Comparison, PairedHits
from training.pairs import WAYS, EmbeddedPairs, Pairs, draw_pairs, embed_pairs
from training.retrieval_rows import (
    can_measure,
    embedded_side,
    measure_threshold,
    raw_sides,
    retrieval_row,
)
from triplets.prepared import PreparedFile, PreparedMedia

MAX_PAIRS_PER_CLASS = 12
CLASS_METRICS = ("precision_at_1", "r_precision", "mean_average_precision_at_r")


@dataclass(frozen=True)
class ClassResult:
    """How well the queries of one class find it; NaN without queries."""

    name: str
    num_queries: int  # answerable ones; 0 where the gallery does not have the class
    precision_at_1: float  # in [0, 1], the share of them whose nearest neighbour is of the class
    r_precision: float  # in [0, 1]
    mean_average_precision_at_r: float  # in [0, 1]
    taken_for: str | None  # the other class that their nearest neighbours most often belong to
    num_taken_for: int  # how often


@dataclass(frozen=True)
class Evaluation:
    """How well held-out photos and recordings find their class in the gallery.

    `rows` holds for each way of asking its numbers, see `evaluate_encoder`. "fused" is a mean over pairs,
    the others are means over photos or recordings: to compare them, see `comparisons`, which are over the
    same photos and the same recordings (`ask_all_ways`).
    """

    @property
    def main_row(self) -> str:
        """The row that uses all that is known: "fused"; "image_only" or "audio_only" without pairs."""
        return next(name for name in ("fused", "image_only", "audio_only") if name in self.rows)

    gallery: EmbeddedPairs  # the pairs that were searched
    queries: EmbeddedPairs  # the pairs that asked
    class_names: tuple[str, ...]
    rows: dict[str, dict[str, float]]
    hits: tuple[PairedHits, ...] = ()  # of each way of asking, per photo and per recording

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the main row's precision at 1; NaN where there are too few sources."""
        row = self.rows[self.main_row]
        return row["precision_at_1_low"], row["precision_at_1_high"]

    @cached_property
    def comparisons(self) -> tuple[Comparison, ...]:
        """Photo and call together beside every other way, per photo and per recording."""
        return tuple(row for asked in self.hits for row in asked.compared())

    @cached_property
    def thresholds(self) -> dict[str, float]:
        """For each modality pattern the similarity from which two embeddings are taken for one class.

        See `measure_threshold`.
        """
        return _thresholds(self.gallery, self.queries)

    @cached_property
    def nearest(self) -> RightAndWrong:
        """For each query pair the nearest gallery pair of its class, and of any other."""
        return nearest_right_and_wrong(*self._fused())

    @cached_property
    def found(self) -> np.ndarray:
        """The class of each query pair's nearest neighbour, str [num_queries]."""
        return self.gallery.pairs.labels[self.nearest.nearest]

    @cached_property
    def confusion(self) -> np.ndarray:
        """How often query pairs of each class (row) found each class (column), int64, a square."""
        return confusion_counts(self.queries.pairs.labels, self.found, self.class_names)

    @cached_property
    def classes(self) -> list[ClassResult]:
        """How well the query pairs of each class find it."""
        per_query = retrieval_metrics_per_query(*self._fused())
        return class_results(per_query, self.queries.pairs.labels, self.found, self.class_names)

    def _fused(self) -> Iterator[np.ndarray]:
        for side in (self.queries, self.gallery):
            yield from (side.by_pattern["fused"], side.pairs.labels)


def evaluate_encoder(
    embedder: Embedder,
    gallery: PreparedMedia,
    queries: PreparedMedia,
    *,
    encoder: keras.Model | None = None,
    max_pairs_per_class: int | None = MAX_PAIRS_PER_CLASS,
    seed: int = 0,
) -> Evaluation:
    """Retrieval of held-out files in a gallery, with every modality left out in turn.

    The rows of the result, by how they ask:

    - "fused": pairs of a photo and a recording, in the gallery's pairs.
    - "without_sound" and "without_photo": each photo, or recording, once, in the gallery's pairs.
    - "image_only" and "audio_only": each photo in the gallery's photos; each recording in its recordings.
    A study of photos only has "image_only" and the rows of raw photos, one of recordings only likewise. In a
    mixed one a file of a class that has no files of the other kind stands for itself among the pairs.

    - "raw_pixels", "raw_image_features" and "raw_audio_sequence": likewise, by features that were not
      trained; see `training.floors`.

    Each row holds `precision_at_1`, `precision_at_5`, `r_precision` and `mean_average_precision_at_r`, in
    [0, 1]; under the same names with `_low` and `_high` their 95 % bootstrap interval over sources (for
    pairs over those of photos and of recordings both), NaN where there are fewer than two;
    `chance_precision_at_1`, what guessing would give; `num_queries`, `num_queries_without_match` (whose
    class the gallery lacks; they are left out), `num_gallery`, and `num_sources` that asked: of fewer than 20
    the intervals are too narrow.

    Args:
        embedder: of the encoder; see `Embedder.from_encoder` and `Embedder.load`.
        gallery: what is searched: usually the training files. For classes that were never trained on,
            both sides come from them: see `split_gallery_queries`.
        queries: what asks; none of its files may be in the gallery.
        encoder: the Keras model; where it is given and its image backbone was not trained, there is a row
            "raw_image_features".
        max_pairs_per_class: int >= 1, on each side, drawn so that files are used evenly; files that are in
            no pair are not asked. None: all combinations. Default 12.
        seed: int, for which pairs are drawn.

    Returns:
        `Evaluation`.

    Raises:
        ValueError: a file, or a source, is on both sides and would find itself; or a side has no files.
    """
    refuse_leaks(gallery, queries)
    draw = partial(_drawn, max_pairs_per_class=max_pairs_per_class)
    known = embed_pairs(embedder, gallery, draw(gallery, "gallery", seed=seed))
    asking = embed_pairs(embedder, queries, draw(queries, "query side", seed=seed + 1))
    rows = {
        name: retrieval_row(embedded_side(asking, asked_with), embedded_side(known, found_among))
        for name, (asked_with, found_among) in WAYS.items()
        if asked_with in asking.pairs.patterns and found_among in known.pairs.patterns
    }
    describe = None if encoder is None else frozen_image_features(encoder)
    asking_raw, known_raw = (
        raw_sides(media, pairs, describe)
        for media, pairs in ((queries, asking.pairs), (gallery, known.pairs))
    )
    rows |= {
        name: retrieval_row(asking_raw[name], known_raw[name])
        for name in known_raw
        if name in asking_raw
    }
    class_names = tuple(dict.fromkeys((*gallery.class_names, *queries.class_names)))
    hits = ask_all_ways(embedder, known, asking, gallery, queries, describe=describe, seed=seed)
    return Evaluation(known, asking, class_names, rows, tuple(hits))


def measure_thresholds(
    embedder: Embedder,
    gallery: PreparedMedia,
    queries: PreparedMedia,
    *,
    max_pairs_per_class: int | None = MAX_PAIRS_PER_CLASS,
    seed: int = 0,
) -> dict[str, float]:
    """`Evaluation.thresholds` alone, without the rest of an evaluation; arguments and errors likewise."""
    refuse_leaks(gallery, queries)
    drawn = _drawn(queries, "query side", max_pairs_per_class=max_pairs_per_class, seed=seed + 1)
    asking = known = embed_pairs(embedder, queries, drawn)
    if not all(can_measure(asking, pattern) for pattern in drawn.patterns):
        drawn = _drawn(gallery, "gallery", max_pairs_per_class=max_pairs_per_class, seed=seed)
        known = embed_pairs(embedder, gallery, drawn)
    return _thresholds(known, asking)


def _thresholds(gallery: EmbeddedPairs, queries: EmbeddedPairs) -> dict[str, float]:
    patterns = queries.pairs.patterns
    return {name: measure_threshold(gallery, queries, name) for name in patterns}


def refuse_leaks(gallery: PreparedMedia, queries: PreparedMedia) -> None:
    """Raises ValueError, telling the first five, for content, or a named source, that is on both sides."""
    known: dict[str, PreparedFile] = {}
    for file in (*gallery.images, *gallery.recordings):
        known |= {file.content: file, file.source: file}
    leaks = []
    for file in (*queries.images, *queries.recordings):
        if file.content in known:
            leaks.append(f"'{file.path}' is '{known[file.content].path}' in the gallery")
        elif file.source in known:
            other = known[file.source].path
            leaks.append(
                f"'{file.path}' is of the source '{file.source}', as '{other}' in the gallery"
            )
    if leaks:
        raise ValueError(
            f"{len(leaks)} files are on both sides and would find themselves: "
            f"{'; '.join(leaks[:5])}. Split with split_by_source."
        )


def _drawn(
    media: PreparedMedia,
    name: str,
    *,
    max_pairs_per_class: int | None,
    seed: int,
) -> Pairs:
    pairs = draw_pairs(media, max_pairs_per_class, seed)
    if not len(pairs.labels):
        raise ValueError(
            f"The {name} holds no photo and no recording that can be read. Add files, or put them back."
        )
    return pairs


def class_results(
    per_query: dict[str, np.ndarray],
    labels: np.ndarray,
    found: np.ndarray,
    class_names: Sequence[str],
) -> list[ClassResult]:
    """The result of every class, in the order of the names.

    `per_query` is from `retrieval_metrics_per_query`; `labels` (what asked) and `found` (the class of each
    one's nearest neighbour) are str [num_queries].
    """
    confusions = confusion_counts(labels, found, class_names)
    np.fill_diagonal(confusions, 0)
    results = []
    for name, others in zip(class_names, confusions, strict=True):
        is_asked = (labels == name) & np.isfinite(per_query["precision_at_1"])

        def mean(metric: str, rows: np.ndarray = is_asked) -> float:
            return float(per_query[metric][rows].mean()) if rows.any() else float("nan")

        taken_for = class_names[int(others.argmax())] if others.any() else None
        precision, r_precision, map_at_r = (mean(name) for name in CLASS_METRICS)
        num_queries, num_taken_for = int(is_asked.sum()), int(others.max())
        means = (precision, r_precision, map_at_r)
        results.append(ClassResult(name, num_queries, *means, taken_for, num_taken_for))
    return results


def common_confusions(
    confusion: np.ndarray, class_names: Sequence[str], at_most: int = 15
) -> list[tuple[str, str, int, float]]:
    """Which classes are most often taken for which, by int [num_classes, num_classes] confusion counts.

    Returns:
        Class asked, class found, how often, and the share of the asked class's queries; the most
        frequent first.
    """
    num_queries = confusion.sum(axis=1)
    wrong = [
        (class_names[i], class_names[j], int(confusion[i, j]), confusion[i, j] / num_queries[i])
        for i, j in zip(*np.nonzero(confusion), strict=True)
        if i != j
    ]
    return sorted(wrong, key=lambda row: (-row[2], -row[3], row[0], row[1]))[:at_most]
