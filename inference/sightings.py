"""Sightings: the animals in a video's frames, followed for a while, cropped and embedded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from fused_encoder.media import Moment, iter_moments, resize_image
from inference.detections import Detector
from inference.embed import Embedder
from inference.embeddings import Embeddings, concatenate_embeddings
from inference.tracklets import Detection, link_tracklets

CROP_MARGIN = 0.15  # of the box, on each side
CROPS_PER_TRACKLET = 4  # of each tracklet in each piece of a video
PIECE_BYTES = 700 * 2**20  # of frames held at once
MIN_PIECE_FRAMES = 20


@dataclass(frozen=True)
class Sightings:
    """What was seen of animals in one video.

    Args:
        video: the file.
        embeddings: float32 [num_sightings, embedding_size].
        detections: where and when, [num_sightings].
        tracklets: int, of each sighting; one animal followed for a while has one.
        crops: uint8 [224, 224, 3] each, what was embedded.
        seen_together: pairs of tracklets that were in one frame, whether or not that frame was embedded:
            they are two animals.
    """

    video: Path
    embeddings: Embeddings
    detections: tuple[Detection, ...]
    tracklets: tuple[int, ...]
    crops: tuple[np.ndarray, ...]
    seen_together: tuple[tuple[int, int], ...]


def find_sightings(
    video: str | Path,
    embedder: Embedder,
    detector: Detector,
    *,
    frames_per_second: float,
    min_detections: int,
    follow: bool,
) -> Sightings:
    """Detects, follows, crops and embeds the animals of one video.

    The video is read in pieces of about 1 GiB of frames, whatever its length. Of each tracklet up to
    four crops of each piece are embedded, spread over its time, by sight alone.

    Args:
        video: the file.
        embedder: turns crops into embeddings.
        detector: see `inference.detections`.
        frames_per_second: float > 0, frames that are looked at.
        min_detections: int >= 1; tracklets that were detected in fewer frames are left out.
        follow: whether detections are joined to tracklets by the overlap of their boxes; if not, every
            detection is a tracklet of its own.

    Returns:
        `Sightings`.

    Raises:
        UnreadableMediaError: not one frame can be decoded.
    """
    every: list[Detection] = []
    chosen: list[int] = []
    crops: list[np.ndarray] = []
    parts = [embedder.embed_features([], [])]
    moments = iter_moments(video, frames_per_second=frames_per_second, audio_seconds=None)
    for piece in _pieces(moments):
        found = detector(piece)
        picked = _pick(found, follow)
        chosen += [len(every) + position for position in picked]
        every += found
        frame_of = {moment.frame_index: moment.frame for moment in piece}
        new_crops = [crop_detection(frame_of[found[p].frame_index], found[p]) for p in picked]
        parts.append(embedder.embed_features(new_crops, [None] * len(new_crops)))
        crops += new_crops
    tracklets = link_tracklets(every) if follow else list(range(len(every)))
    lengths = Counter(tracklets)
    kept = [i for i, d in enumerate(chosen) if lengths[tracklets[d]] >= min_detections]
    embeddings = concatenate_embeddings(parts)
    return Sightings(
        Path(video),
        Embeddings.of(embeddings[kept], embeddings.fingerprint),
        tuple(every[chosen[i]] for i in kept),
        tuple(tracklets[chosen[i]] for i in kept),
        tuple(crops[i] for i in kept),
        _seen_together(every, tracklets),
    )


def crop_detection(frame: np.ndarray, detection: Detection) -> np.ndarray:
    """The detected animal with a margin, as the encoder sees photos.

    The crop is as wide as it is high, so that the animal keeps its proportions; where it leaves the
    frame, the frame's edge is repeated.

    Args:
        frame: uint8 [height, width, 3], RGB.
        detection: where; pixels of the frame.

    Returns:
        uint8 [224, 224, 3].
    """
    height, width = frame.shape[:2]
    left, top, right, bottom = detection.box
    if (left, top, right, bottom) == (0, 0, width, height):
        return resize_image(frame)
    half = (0.5 + CROP_MARGIN) * max(right - left, bottom - top)
    middle_x, middle_y = (left + right) / 2, (top + bottom) / 2
    columns = np.arange(round(middle_x - half), round(middle_x + half)).clip(0, width - 1)
    rows = np.arange(round(middle_y - half), round(middle_y + half)).clip(0, height - 1)
    return resize_image(frame[rows[:, None], columns])


def _pieces(moments: Iterator[Moment]) -> Iterator[list[Moment]]:
    """Runs of moments that fit into memory; the last is at least half as long as the others."""
    piece: list[Moment] = []
    for moment in moments:
        piece.append(moment)
        length = max(MIN_PIECE_FRAMES, PIECE_BYTES // moment.frame.nbytes)
        if len(piece) >= length + length // 2:
            yield piece[:length]
            piece = piece[length:]
    if piece:
        yield piece


def _pick(detections: Sequence[Detection], follow: bool) -> list[int]:
    """Positions of the detections to embed: a few of each tracklet, spread over its time."""
    if not follow:
        return list(range(len(detections)))
    tracklets = np.array(link_tracklets(detections), int)
    picked: list[int] = []
    for tracklet in range(tracklets.max(initial=-1) + 1):
        members = np.flatnonzero(tracklets == tracklet)
        spread = np.linspace(0, len(members) - 1, min(len(members), CROPS_PER_TRACKLET))
        picked += members[spread.round().astype(int)].tolist()
    return sorted(picked)


def _seen_together(
    detections: Sequence[Detection], tracklets: Sequence[int]
) -> tuple[tuple[int, int], ...]:
    in_frame: dict[int, set[int]] = {}
    for detection, tracklet in zip(detections, tracklets, strict=True):
        in_frame.setdefault(detection.frame_index, set()).add(tracklet)
    pairs = {pair for seen in in_frame.values() for pair in combinations(sorted(seen), 2)}
    return tuple(sorted(pairs))
