"""A matching calibration from photos of known individuals: each asks the others for its shortlist."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from inference.embeddings import fingerprint_of
from inference.matching.features import LocalFeatures, RootSift
from inference.matching.keypoint_store import KeypointStore
from inference.matching.match import Matcher, Matching, match_shortlist, way_name
from inference.matching.match_calibration import MatchCalibration, fit_match_calibration
from media import PhotoBox


def fit_on_known(
    photos: Sequence[str | Path],
    embeddings: npt.ArrayLike,
    individuals: Sequence[str],
    sources: Sequence[str],
    *,
    boxes: Sequence[PhotoBox | None] | None = None,
    num_nearest: int = 50,
    features: LocalFeatures | None = None,
    matching: Matching | Matcher | None = None,
    directory: str | Path | None = None,
    progress: bool = False,
) -> MatchCalibration:
    """What both scores mean, from photos of individuals that the encoder was not trained on.

    Each photo is compared with those nearest to it by embedding, as `rerank` will; none of its own source is
    among them, since two photos of one encounter are alike whoever they show.

    Args:
        photos: the files.
        embeddings: float32 [num_photos, size], unit length.
        individuals: who is on each photo.
        sources: what each comes from: an encounter, an outing, a day.
        boxes: (left, top, width, height) in pixels, where the animal is on each photo; None for all of it.
        num_nearest: int >= 1, photos in a shortlist.
        features: see `rerank`.
        matching: see `rerank`.
        directory: see `KeypointStore`.
        progress: whether to show bars.

    Raises:
        ValueError: lengths that differ, or too few pairs; see `fit_match_calibration`.
        FileNotFoundError, UnreadableMediaError: a photo that is not there, or cannot be decoded.
    """
    features = features or RootSift()
    vectors = np.asarray(embeddings, np.float32)
    boxes = [None] * len(photos) if boxes is None else boxes
    lengths = {len(photos), len(vectors), len(individuals), len(sources), len(boxes)}
    if len(lengths) > 1 or num_nearest < 1:
        raise ValueError(
            "Expected photos, embeddings, individuals, sources and boxes of one length and num_nearest >= 1, "
            f"received the lengths {len(photos)}, {len(vectors)}, {len(individuals)}, {len(sources)}, "
            f"{len(boxes)} and num_nearest={num_nearest}."
        )
    store = KeypointStore(features, directory)
    who, source = np.asarray(individuals), np.asarray(sources)

    def ask(row: int) -> list[tuple[float, float, bool]]:
        similarity = vectors @ vectors[row]
        similarity[source == source[row]] = -np.inf
        near = np.argsort(-similarity, kind="stable")[:num_nearest]
        near = near[np.isfinite(similarity[near])]
        matches = match_shortlist(points[row], [points[other] for other in near], matching)
        return [
            (float(similarity[other]), match.score, bool(who[other] == who[row]))
            for other, match in zip(near, matches, strict=True)
        ]

    bar = partial(tqdm, total=len(photos), unit="photo", disable=not progress)
    with ThreadPoolExecutor(os.cpu_count()) as threads:  # OpenCV and NumPy leave Python meanwhile
        points = list(bar(threads.map(store.get, photos, boxes), desc="points"))
        asked = list(bar(threads.map(ask, range(len(photos))), desc="compared"))
    pairs = [pair for each in asked for pair in each]
    whole, local, is_same = zip(*pairs, strict=True) if pairs else ((), (), ())
    return fit_match_calibration(
        whole,
        local,
        is_same,
        features=way_name(features, matching),
        fingerprint=fingerprint_of(embeddings),
    )
