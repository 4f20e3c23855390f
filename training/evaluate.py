"""Evaluate: held-out photos and recordings ask, training photos and recordings answer."""

from __future__ import annotations

from collections.abc import Iterator
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
from training.class_results import ClassResult, class_results
from training.comparison import Comparison, compare_ways
from training.floors import frozen_image_features
from training.pairs import EmbeddedPairs, Pairs, Pattern, draw_pairs, embed_pairs
from training.retrieval_rows import embedded_side, measure_threshold, raw_sides, retrieval_row
from triplets.prepared import PreparedFile, PreparedMedia

ROWS: dict[str, tuple[Pattern, Pattern]] = {  # what asks, and what is searched
    "fused": ("fused", "fused"),
    "without_sound": ("image", "fused"),
    "without_photo": ("audio", "fused"),
    "image_only": ("image", "image"),
    "audio_only": ("audio", "audio"),
}
MAX_PAIRS_PER_CLASS = 12


@dataclass(frozen=True)
class Evaluation:
    """How well held-out photos and recordings find their class in the gallery.

    Args:
        gallery: the pairs that were searched.
        queries: the pairs that asked.
        class_names: of all classes.
        rows: for each way of asking its numbers; see `evaluate_encoder`. "fused" is a mean over pairs,
            the others are means over photos or recordings: to compare them, see `comparisons`.
        comparisons: ways of asking beside each other, over the same photos and the same recordings; see
            `compare_ways`.
    """

    @property
    def main_row(self) -> str:
        """The row that uses all that is known: "fused"; "image_only" or "audio_only" without pairs."""
        return next(name for name in ("fused", "image_only", "audio_only") if name in self.rows)

    gallery: EmbeddedPairs
    queries: EmbeddedPairs
    class_names: tuple[str, ...]
    rows: dict[str, dict[str, float]]
    comparisons: tuple[Comparison, ...] = ()

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the main row's precision at 1; NaN where there are too few sources."""
        row = self.rows[self.main_row]
        return row["precision_at_1_low"], row["precision_at_1_high"]

    @cached_property
    def thresholds(self) -> dict[str, float]:
        """For each modality pattern the similarity from which two embeddings are taken for one class.

        See `measure_threshold`.
        """
        patterns = self.queries.pairs.patterns
        return {name: measure_threshold(self.gallery, self.queries, name) for name in patterns}

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
    class the gallery lacks; they are left out) and `num_gallery`.

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
    can = {*asking.pairs.patterns} & {*known.pairs.patterns}
    rows = {
        name: retrieval_row(embedded_side(asking, asked_with), embedded_side(known, found_among))
        for name, (asked_with, found_among) in ROWS.items()
        if {asked_with, found_among} <= can
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
    comparisons = compare_ways(
        embedder, known, asking, gallery, queries, describe=describe, seed=seed
    )
    return Evaluation(known, asking, class_names, rows, tuple(comparisons))


def refuse_leaks(gallery: PreparedMedia, queries: PreparedMedia) -> None:
    """Checks that no file's content, and nothing of one named source, is on both sides.

    Raises:
        ValueError: some are; the first five are told.
    """
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
