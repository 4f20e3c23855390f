"""A shortlist of an index, ranked anew by what its photos share with the query in detail."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inference.index.rows import Hit
from inference.matching.features import LocalFeatures, RootSift
from inference.matching.keypoint_store import KeypointStore
from inference.matching.match import Matcher, Matching, PhotoMatch, match_shortlist, way_name
from inference.matching.match_calibration import MatchCalibration
from media import PhotoBox
from media.wording import some_names


@dataclass(frozen=True, eq=False)
class RankedHit:
    """A hit with what speaks for it.

    Args:
        hit: as the index gave it.
        photo: its file.
        box: (left, top, width, height) in pixels, the animal in it; None for all of the photo.
        match: the points that it shares with the query.
        probability: float in (0, 1), that it shows the query's individual.
    """

    hit: Hit
    photo: Path
    box: PhotoBox | None
    match: PhotoMatch
    probability: float


def rerank(
    photo: str | Path,
    hits: Sequence[Hit],
    calibration: MatchCalibration,
    *,
    box: PhotoBox | None = None,
    features: LocalFeatures | None = None,
    matching: Matching | Matcher | None = None,
    directory: str | Path | None = None,
) -> list[RankedHit]:
    """The hits of one query, the most probable individual first.

    An embedding sums a photo up; what tells individuals apart is often a few marks. So the hits' photos are
    compared with the query's point by point, and the order follows both. Search for 50 to 100 hits: what the
    index did not find cannot be ranked.

    Args:
        photo: the query's file.
        hits: from `EmbeddingIndex.search` with the query's embedding; `metadata["image"]` is their photo,
            and `metadata["box"]` the animal in it, as `fused-encoder embed` writes them.
        calibration: of the encoder and these features.
        box: (left, top, width, height) in pixels, the query's animal; None for all of its photo.
        features: finds and describes points. Default: `RootSift()`.
        matching: how points are matched. Default: `Matching()`; or `LightGlue`.
        directory: where points are kept; see `KeypointStore`.

    Returns:
        As many as there are hits.

    Raises:
        ValueError: hits without a photo; a calibration of other features.
        FileNotFoundError: photos that are no longer where the index says.
        UnreadableMediaError: a photo that cannot be decoded.

    Example:
        >>> (hits,) = index.search(embedder.embed(["who.jpg"], [None]), k=50)
        >>> ranked = rerank("who.jpg", hits, load_match_calibration("matching.json"))
        >>> ranked[0].hit.metadata["class"], ranked[0].probability, len(ranked[0].match)
    """
    features = features or RootSift()
    if (name := way_name(features, matching)) != calibration.features:
        raise ValueError(
            f"The calibration is of the local features {calibration.features!r}, received {name!r}. "
            "Use these, or calibrate anew: `fused-encoder calibrate --matching`."
        )
    photos = _photos_of(hits)
    store = KeypointStore(features, directory)
    boxes = [_box_of(hit) for hit in hits]
    points = [store.get(path, its_box) for path, its_box in zip(photos, boxes, strict=True)]
    matches = match_shortlist(store.get(photo, box), points, matching)
    similarities = np.array([hit.similarity for hit in hits])
    shared = np.array([match.score for match in matches])
    probabilities = calibration.probability(similarities, shared).tolist()
    ranked = map(RankedHit, hits, photos, boxes, matches, probabilities)
    return sorted(ranked, key=lambda one: -one.probability)


def _box_of(hit: Hit) -> PhotoBox | None:
    """The box of a hit's animal, which metadata hold as a JSON list."""
    told = hit.metadata.get("box")
    if told is None:
        return None
    try:
        left, top, width, height = map(float, json.loads(str(told)))
    except (ValueError, TypeError) as error:
        raise ValueError(
            f'The hit {hit.id!r} has the box {told!r}. Expected "[left, top, width, height]" in pixels.'
        ) from error
    return left, top, width, height


def _photos_of(hits: Sequence[Hit]) -> list[Path]:
    """The files of the hits' photos; all that is wrong with them in one message."""
    without = [hit.id for hit in hits if not hit.metadata.get("image")]
    if without:
        raise ValueError(
            f"{len(without)} of {len(hits)} hits have no photo to compare with: {some_names(without)}. "
            "Expected metadata with the photo's path as 'image', as `fused-encoder embed` writes it. Search "
            'with where={"recording": None}, or leave them out.'
        )
    photos = [Path(str(hit.metadata["image"])) for hit in hits]
    gone = [str(photo) for photo in photos if not photo.is_file()]
    if gone:
        raise FileNotFoundError(
            f"{len(gone)} of the {len(hits)} photos are not where the index says (seen from '{Path.cwd()}'): "
            f"{some_names(gone)}. Put them back, run from the folder that their paths start in, or query "
            "without re-ranking."
        )
    return photos
