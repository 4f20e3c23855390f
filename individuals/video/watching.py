"""Watching: a video is looked at piece by piece, and the best crops of each animal are kept."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from individuals.video.crops import CropQuality, assess_crops, colour_appearance, crop_detection
from individuals.video.detection import Detection, without_doubles
from individuals.video.detectors import Detect
from individuals.video.sound import Sound, who_may_be_heard
from individuals.video.tracklets import link_tracklets
from media import Moment

CROPS_PER_TRACKLET = 4  # of each tracklet in each piece of a video
WORTH = 0.5  # of a tracklet's best crop: what is worse is not embedded
PIECE_BYTES = 700 * 2**20  # of frames held at once
MIN_PIECE_FRAMES = 20


@dataclass(frozen=True)
class Candidate:
    """A crop that may be embedded."""

    number: int  # of its detection
    crop: np.ndarray  # uint8 [224, 224, 3]
    quality: CropQuality
    waveform: (
        np.ndarray | None
    )  # float32 [num_samples], the sound around it, if it may be the animal's


@dataclass
class Watched:
    """What was seen in a video."""

    detections: list[Detection] = field(default_factory=list)  # in the order of time
    looks: list[np.ndarray] = field(default_factory=list)  # float16 [num_colours] of each
    candidates: list[Candidate] = field(default_factory=list)
    frames: set[int] = field(default_factory=set)  # numbers of those that were looked at
    num_doubles: int = 0  # boxes that were left out: they nearly cover another of their frame


def watch(moments: Iterator[Moment], detect: Detect, *, follow: bool, sound: Sound) -> Watched:
    """Detects, and keeps up to four crops of each animal in each piece, the best of each quarter."""
    watched = Watched()
    for piece in _pieces(moments):
        _watch_piece(watched, piece, detect, follow=follow, sound=sound)
    return watched


def _watch_piece(
    watched: Watched, piece: Sequence[Moment], detect: Detect, *, follow: bool, sound: Sound
) -> None:
    moment_of = {moment.frame_index: moment for moment in piece}
    given = detect(piece)
    found = without_doubles(given)
    watched.num_doubles += len(given) - len(found)
    unasked = sorted({d.frame_index for d in found} - moment_of.keys())
    if unasked:
        raise ValueError(
            f"The detector gave detections in frames {unasked[:5]}, which it was not shown. Take frame_index "
            "and time_seconds from the moments."
        )
    in_frame: dict[int, list[int]] = {}
    for position, detection in enumerate(found):
        in_frame.setdefault(detection.frame_index, []).append(position)
    looks = [colour_appearance(moment_of[d.frame_index].frame, d).astype(np.float16) for d in found]
    qualities: dict[int, CropQuality] = {}
    may_be_heard: set[int] = set()
    for frame_index, positions in in_frame.items():
        moment, here = moment_of[frame_index], [found[position] for position in positions]
        qualities |= dict(zip(positions, assess_crops(moment.frame, here), strict=True))
        may_be_heard |= {positions[place] for place in who_may_be_heard(sound, moment, here)}
    start = len(watched.detections)
    for position in _pick(found, looks, qualities) if follow else range(len(found)):
        moment = moment_of[found[position].frame_index]
        crop = crop_detection(moment.frame, found[position])
        waveform = moment.waveform if position in may_be_heard else None
        watched.candidates.append(Candidate(start + position, crop, qualities[position], waveform))
    watched.detections += found
    watched.looks += looks
    watched.frames.update(moment_of)


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


def _pick(
    detections: Sequence[Detection], looks: Sequence[np.ndarray], qualities: dict[int, CropQuality]
) -> list[int]:
    """Positions of the detections to embed: a few of each tracklet, good ones, spread over its time."""
    if not detections:
        return []
    tracklets = np.array(link_tracklets(detections, appearances=looks))
    values = np.array([qualities[position].value for position in range(len(detections))])
    picked: list[int] = []
    for tracklet in range(tracklets.max() + 1):
        members = np.flatnonzero(tracklets == tracklet)
        members = members[values[members] >= WORTH * values[members].max()]
        for run in np.array_split(members, min(len(members), CROPS_PER_TRACKLET)):
            picked.append(int(run[np.argmax(values[run])]))
    return sorted(picked)
