"""Thresholds: from which similarity on two embeddings are taken for one class, measured on known pairs."""

from __future__ import annotations

from collections import Counter

import numpy as np

from inference.threshold import suggest_threshold
from training.pairs import EmbeddedPairs, Pairs, Pattern


def measure_threshold(gallery: EmbeddedPairs, queries: EmbeddedPairs, pattern: Pattern) -> float:
    """The similarity from which two embeddings of a modality pattern are taken for one class.

    Measured on held-out files alone; where no class has two of them to compare, on held-out and
    gallery files together, which were trained on: such a threshold tends to be too high.

    Args:
        gallery: what was trained on.
        queries: what was held out.
        pattern: "fused", "image" or "audio".

    Returns:
        float in [-1, 1].

    Raises:
        ValueError: there are not two classes, or none of them has two files to compare.
    """
    held_out = _observations(queries, pattern, "held out")
    if _is_comparable(*held_out[1:]):
        embeddings, labels, sources = held_out
    else:
        both = (held_out, _observations(gallery, pattern, "gallery"))
        embeddings, labels, sources = (np.concatenate(parts) for parts in zip(*both, strict=True))
    return suggest_threshold(embeddings, labels, sources=sources)


def _observations(
    side: EmbeddedPairs, pattern: Pattern, name: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Embeddings [num, size], labels [num], and what each was made of [num].

    Fused pairs that share a photo or a recording resemble each other for that alone: of these only the
    first is kept.
    """
    pairs = side.pairs
    fused = _rows_without_common_files(pairs)
    rows = fused if pattern == "fused" else pairs.rows_of_distinct(pattern)
    sources = np.array([f"{name} {row}" for row in rows])
    return np.asarray(side.by_pattern[pattern])[rows], pairs.labels[rows], sources


def _rows_without_common_files(pairs: Pairs) -> np.ndarray:
    """Rows of pairs of which no two share a photo or a recording."""
    images: set[int] = set()
    recordings: set[int] = set()
    rows = []
    for row, (image, recording) in enumerate(zip(pairs.images, pairs.recordings, strict=True)):
        if image not in images and recording not in recordings:
            rows.append(row)
            images.add(image)
            recordings.add(recording)
    return np.array(rows, int)


def _is_comparable(labels: np.ndarray, sources: np.ndarray) -> bool:
    """Whether there are two classes, and two sources of one of them."""
    sources_of = Counter(label for label, _ in set(zip(labels, sources.tolist(), strict=True)))
    return len(sources_of) > 1 and max(sources_of.values()) > 1
