"""Near-duplicates: held-out photos that look like training photos of the same class, as in a burst."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from triplets.photos import small_photos
from triplets.prepared import PreparedFile, PreparedMedia

logger = logging.getLogger(__name__)

MIN_CORRELATION = 0.9
SIDE = 32  # pixels


def near_duplicates(
    gallery: PreparedMedia, queries: PreparedMedia, *, min_correlation: float = MIN_CORRELATION
) -> list[tuple[Path, Path, float]]:
    """Photos of one class, one on either side, that differ hardly more than two frames of a burst.

    Photos are compared as grey ones of 32 x 32 pixels, by the correlation of their pixels.

    Args:
        gallery: what is trained on, or searched.
        queries: what is held out, or asks.
        min_correlation: float in [-1, 1], from which two photos are near-duplicates. Default 0.9.

    Returns:
        For each such query photo its path, that of the gallery photo most like it, and their correlation.
    """
    found = []
    number = {name: index for index, name in enumerate(gallery.class_names)}
    for index, name in enumerate(queries.class_names):
        asking = [file for file in queries.images if file.class_index == index]
        known = [file for file in gallery.images if file.class_index == number.get(name)]
        if not asking or not known:
            continue
        alike = _small_grey(asking) @ _small_grey(known).T
        for row, file in zip(alike, asking, strict=True):
            nearest = int(row.argmax())
            if row[nearest] >= min_correlation:
                found.append((file.path, known[nearest].path, float(row[nearest])))
    return found


def tell_of_near_duplicates(gallery: PreparedMedia, queries: PreparedMedia) -> str | None:
    """Logs a warning where there are near-duplicates, and returns it; None without any."""
    found = near_duplicates(gallery, queries)
    if not found:
        return None
    pairs = "; ".join(f"'{ours}' and '{theirs}'" for ours, theirs, _ in found[:3])
    told = (
        f"{len(found)} of {len(queries.images)} held-out photos look nearly the same as a training photo, "
        f"such as {pairs}. If they are of one burst or encounter, figures are too good: say what "
        "files come from with --source (in Python source_of=)."
    )
    logger.warning("%s", told)
    return told


def _small_grey(files: Sequence[PreparedFile]) -> np.ndarray:
    """float32 [num_photos, SIDE * SIDE], each of mean 0 and unit length."""
    small = small_photos([file.feature() for file in files], SIDE)
    flat = small.reshape(len(files), SIDE * SIDE, 3).mean(axis=2)
    return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-6)
