"""Sightings: the animals in a video's frames, followed for a while, cropped and embedded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fused_encoder.audio_sequence import SilentRecordingError, TooShortRecordingError
from fused_encoder.media import Moment, iter_moments, resize_image
from inference.detections import Detector
from inference.embed import Embedder
from inference.embeddings import Embeddings, concatenate_embeddings
from inference.tracklets import Detection, link_tracklets

CROP_MARGIN = 0.15  # of the box, on each side
CROPS_PER_TRACKLET = 4  # of each tracklet in each piece of a video
PIECE_BYTES = 256 * 2**20  # of frames held at once
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
        with_sound: bool, of each sighting, whether the sound around it was embedded too.
    """

    video: Path
    embeddings: Embeddings
    detections: tuple[Detection, ...]
    tracklets: tuple[int, ...]
    crops: tuple[np.ndarray, ...]
    with_sound: tuple[bool, ...]


def find_sightings(
    video: str | Path,
    embedder: Embedder,
    detector: Detector,
    *,
    frames_per_second: float,
    min_detections: int,
    follow: bool,
    use_sound: bool,
) -> Sightings:
    """Detects, follows, crops and embeds the animals of one video.

    The video is read in pieces of at most 256 MiB of frames, whatever its length. Of each tracklet up
    to four crops of each piece are embedded, spread over its time. Sound belongs to an animal that is
    alone in its frame, and to none where there are several.

    Args:
        video: the file.
        embedder: turns crops into embeddings.
        detector: see `inference.detections`.
        frames_per_second: float > 0, frames that are looked at.
        min_detections: int >= 1; tracklets that were detected in fewer frames are left out.
        follow: whether detections are joined to tracklets by the overlap of their boxes; if not, every
            detection is a tracklet of its own.
        use_sound: whether the sound around an animal that is alone is embedded with it.

    Returns:
        `Sightings`.

    Raises:
        UnreadableMediaError: not one frame can be decoded.
    """
    audio_seconds = embedder.settings.audio_seconds if use_sound else None
    moments = iter_moments(video, frames_per_second=frames_per_second, audio_seconds=audio_seconds)
    every: list[Detection] = []
    chosen: list[int] = []
    crops: list[np.ndarray] = []
    with_sound: list[bool] = []
    parts = [embedder.embed_features([], [])]
    for piece in _pieces(moments):
        found = detector(piece)
        picked = _pick(found, follow)
        chosen += [len(every) + position for position in picked]
        every += found
        by_frame = {moment.frame_index: moment for moment in piece}
        alone = Counter(detection.frame_index for detection in found)
        new_crops, sounds = [], []
        for detection in (found[position] for position in picked):
            moment = by_frame[detection.frame_index]
            new_crops.append(crop_detection(moment.frame, detection))
            is_alone = alone[detection.frame_index] == 1
            sounds.append(_sequence(embedder, moment.waveform) if is_alone else None)
        parts.append(embedder.embed_features(new_crops, sounds))
        crops += new_crops
        with_sound += [sound is not None for sound in sounds]
    tracklets = link_tracklets(every) if follow else list(range(len(every)))
    lengths = Counter(tracklets)
    kept = [i for i, d in enumerate(chosen) if lengths[tracklets[d]] >= min_detections]
    return Sightings(
        Path(video),
        Embeddings.of(concatenate_embeddings(parts)[kept]),
        tuple(every[chosen[i]] for i in kept),
        tuple(tracklets[chosen[i]] for i in kept),
        tuple(crops[i] for i in kept),
        tuple(with_sound[i] for i in kept),
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
    piece: list[Moment] = []
    for moment in moments:
        piece.append(moment)
        if len(piece) >= max(MIN_PIECE_FRAMES, PIECE_BYTES // moment.frame.nbytes):
            yield piece
            piece = []
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


def _sequence(embedder: Embedder, waveform: np.ndarray | None) -> np.ndarray | None:
    """What YAMNet hears; None where there is nothing to hear."""
    if waveform is None:
        return None
    try:
        return embedder.audio_sequence(waveform)
    except (SilentRecordingError, TooShortRecordingError):
        return None
