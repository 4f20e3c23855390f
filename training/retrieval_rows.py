"""One way of asking in numbers: how often it is answered rightly, how sure that is, and its threshold."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from inference.metrics import (
    bootstrap_interval,
    mean_over_queries,
    retrieval_metrics_per_query,
    two_way_bootstrap_interval,
)
from inference.threshold import suggest_threshold
from training.floors import Describe, raw_audio_sequence, raw_pixels
from training.pairs import EmbeddedPairs, Pairs, Pattern, StoredFeatures
from triplets.prepared import PreparedMedia


@dataclass(frozen=True)
class Side:
    """What asks, or what is searched."""

    embeddings: np.ndarray  # float32 [num, size], unit length
    labels: np.ndarray  # str [num], class names
    sources: tuple[np.ndarray, ...]  # str [num] each: of the photo, the recording, or both


def embedded_side(side: EmbeddedPairs, pattern: Pattern) -> Side:
    """The pairs of a side, or its distinct photos or recordings, each once."""
    rows = side.pairs.rows_of_distinct(pattern)
    return _side(side.by_pattern[pattern][rows], side.pairs, rows, pattern)


def raw_sides(media: PreparedMedia, pairs: Pairs, describe: Describe | None) -> dict[str, Side]:
    """The distinct photos and recordings of pairs (into `media`) by features that were not trained.

    Returns:
        "raw_pixels", "raw_image_features" (where there is a `describe`), "raw_audio_sequence"; those of a
        kind that the pairs have.
    """
    of_photos, of_recordings = (pairs.rows_of_distinct(p) for p in ("image", "audio"))
    photos = StoredFeatures(media.images, pairs.images[of_photos])
    sequences = StoredFeatures(media.recordings, pairs.recordings[of_recordings])
    sides = {}
    if len(photos):
        sides["raw_pixels"] = _side(raw_pixels(photos), pairs, of_photos, "image")
    if len(photos) and describe is not None:
        sides["raw_image_features"] = _side(describe(photos), pairs, of_photos, "image")
    if len(sequences):
        heard = raw_audio_sequence(sequences)
        sides["raw_audio_sequence"] = _side(heard, pairs, of_recordings, "audio")
    return sides


def retrieval_row(asking: Side, known: Side) -> dict[str, float]:
    """The numbers of one way of asking; see `evaluate_encoder`. Intervals resample the queries' sources.

    Raises:
        ValueError: no query's class is in the gallery.
    """
    per_query = retrieval_metrics_per_query(
        asking.embeddings, asking.labels, known.embeddings, known.labels
    )
    row = mean_over_queries(per_query)
    for name, values in per_query.items():
        row[f"{name}_low"], row[f"{name}_high"] = _interval(values, asking.sources)
    row["chance_precision_at_1"] = _chance(asking.labels, known.labels)
    row["num_gallery"] = float(len(known.labels))
    row["num_sources"] = float(min(len(np.unique(sources)) for sources in asking.sources))
    return row


def _side(embeddings: np.ndarray, pairs: Pairs, rows: np.ndarray, pattern: Pattern) -> Side:
    sources = {"image": pairs.image_sources[rows], "audio": pairs.recording_sources[rows]}
    chosen = tuple(sources.values()) if pattern == "fused" else (sources[pattern],)
    return Side(embeddings, pairs.labels[rows], chosen)


def _chance(labels: np.ndarray, known_labels: np.ndarray) -> float:
    """How often a row drawn at random is right, mean over the queries that have a right one."""
    share_of = {label: n / len(known_labels) for label, n in Counter(known_labels.tolist()).items()}
    return float(np.mean([share_of[label] for label in labels.tolist() if label in share_of]))


def _interval(values: np.ndarray, sources: tuple[np.ndarray, ...]) -> tuple[float, float]:
    """95 % interval of the mean; NaN where fewer than two sources of a kind have a value."""
    is_known = np.isfinite(values)
    if any(len(np.unique(source[is_known])) < 2 for source in sources):
        return float("nan"), float("nan")
    if len(sources) == 2:
        return two_way_bootstrap_interval(values, *sources)
    return bootstrap_interval(values, *sources)


def measure_threshold(gallery: EmbeddedPairs, queries: EmbeddedPairs, pattern: Pattern) -> float:
    """The similarity from which two embeddings of a modality pattern are taken for one class.

    Measured on held-out files alone; where no class has two of them to compare, on held-out and
    gallery files together, which were trained on: such a threshold tends to be too high.

    Returns:
        float in [-1, 1].

    Raises:
        ValueError: there are not two classes, or none of them has two files to compare.
    """
    held_out = _observations(queries, pattern, "held out")
    if can_measure(queries, pattern):
        embeddings, labels, sources = held_out
    else:
        both = (held_out, _observations(gallery, pattern, "gallery"))
        embeddings, labels, sources = (np.concatenate(parts) for parts in zip(*both, strict=True))
    return suggest_threshold(embeddings, labels, sources=sources)


def can_measure(queries: EmbeddedPairs, pattern: Pattern) -> bool:
    """Whether `measure_threshold` needs no gallery."""
    return _is_comparable(*_observations(queries, pattern, "held out")[1:])


def _observations(
    side: EmbeddedPairs, pattern: Pattern, name: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Embeddings [num, size], labels [num], and what each was made of [num].

    Fused pairs that share a photo or a recording resemble each other for that alone: of these only the
    first is kept.
    """
    pairs, rows = side.pairs, side.pairs.rows_of_distinct(pattern)
    if pattern == "fused":
        rows = np.array(pairs.without_common_files(np.flatnonzero(pairs.has_both).tolist()), int)
    sources = np.array([f"{name} {row}" for row in rows])
    return np.asarray(side.by_pattern[pattern])[rows], pairs.labels[rows], sources


def _is_comparable(labels: np.ndarray, sources: np.ndarray) -> bool:
    """Whether there are two classes, and two sources of one of them."""
    sources_of = Counter(label for label, _ in set(zip(labels, sources.tolist(), strict=True)))
    return len(sources_of) > 1 and max(sources_of.values()) > 1
