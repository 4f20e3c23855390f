"""Sightings: the animals in a video's frames, followed for a while, cropped, heard and embedded."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np

from individuals.sighting import Sighting
from individuals.sighting_table import SightingTable
from individuals.video.detection import Detection
from individuals.video.detection_file import DetectionFile
from individuals.video.detectors import Detect, Detector, MotionDetector, detect_motion
from individuals.video.known_boxes import KnownBoxes
from individuals.video.sound import Sound, audio_sequence_of, check_sound, is_alone_throughout
from individuals.video.tracklets import link_tracklets
from individuals.video.watching import Candidate, Watched
from individuals.video.watching import watch as look_through
from inference.embed import Embedder
from media import Moment, UnreadableMediaError, iter_moments, probe_video


@dataclass(frozen=True)
class VideoSightings:
    """What was seen of animals in one video.

    Args:
        video: the file.
        table: the sightings with their embeddings and crops; of each tracklet from its first to its last
            detection, embedded or not, and with all that were in view with it.
        quality_reasons: what marked each down, such as ("blurred", "cut off").
        notes: what a reader of the answer should know.
        has_working_detector: bool, False where so much of the frame moves that motion shows no animals.
    """

    video: Path
    table: SightingTable
    quality_reasons: tuple[tuple[str, ...], ...] = ()
    notes: tuple[str, ...] = ()
    has_working_detector: bool = True


def find_sightings(
    video: str | Path,
    embedder: Embedder,
    detector: Detector,
    *,
    frames_per_second: float,
    min_detections: int,
    follow: bool,
    sound: Sound = "none",
    watch: Callable[[str, float], None] | None = None,
) -> VideoSightings:
    """Detects, follows, crops, hears and embeds the animals of one video.

    The video is read in pieces of at most 1 GiB of frames, whatever its length. Of each tracklet up to
    four crops of each piece are embedded, the best of each quarter of its time there.

    Args:
        video: the file.
        embedder: for crops, and the sound around them.
        detector: see `individuals.video.detectors`; of a detection file, only frames with boxes count.
        frames_per_second: float > 0, frames that are looked at; with a detection file, at most.
        min_detections: int >= 1; tracklets that were detected in fewer frames are left out.
        follow: whether detections are joined to tracklets; if not, each is a tracklet of its own.
        sound: see `count_individuals`. A crop without sound, or with silence, is embedded by sight alone.
        watch: see `count_individuals`.
    Raises:
        ValueError: an unknown `sound`, or a detection file that does not fit the video.
        UnreadableMediaError: not one frame, or none of those with detections, can be decoded.
    """
    check_sound(sound)
    detect = detector.for_video(video) if isinstance(detector, DetectionFile) else detector
    if detect is detect_motion:
        detect = MotionDetector()
    each = partial(watch, str(video)) if watch else None
    watched, notes = _watch(Path(video), embedder, detect, frames_per_second, follow, sound, each)
    is_overwhelmed = isinstance(detect, MotionDetector) and detect.is_overwhelmed
    if is_overwhelmed:
        notes.append(
            "most of the frame moves (the camera, water, leaves, a large flock): motion detection cannot "
            "work here, and the number has no interval. Use another detector, such as MegaDetector "
            "(--detections)."
        )
    if watched.num_doubles:
        notes.append(
            f"{watched.num_doubles} boxes nearly cover another box of their frame (IoU above 0.8): they are "
            "taken for the same animal, seen twice."
        )
    tracklets = list(range(len(watched.detections)))
    if follow and tracklets:
        tracklets = link_tracklets(watched.detections, appearances=np.stack(watched.looks))
    lengths = Counter(tracklets)
    is_kept = [lengths[tracklet] >= min_detections for tracklet in tracklets]
    kept = [c for c in watched.candidates if is_kept[c.number]]
    waveforms = [c.waveform for c in kept]
    if sound == "alone":
        animals = tracklets if follow else _places_in_frames(watched.detections)
        is_alone = is_alone_throughout(
            [d for d, is_animal in zip(watched.detections, is_kept, strict=True) if is_animal],
            [a for a, is_animal in zip(animals, is_kept, strict=True) if is_animal],
            [watched.detections[c.number].time_seconds for c in kept],
            embedder.settings.audio_seconds,
        )
        waveforms = [w if alone else None for w, alone in zip(waveforms, is_alone, strict=True)]
    sequences = [None if w is None else audio_sequence_of(embedder, w) for w in waveforms]
    num_silent = sum(w is not None for w in waveforms) - sum(s is not None for s in sequences)
    if num_silent:
        notes.append(
            f"the sound around {num_silent} crops is silent: they are embedded by sight alone."
        )
    is_fused = [sequence is not None for sequence in sequences]
    table = SightingTable(
        tuple(_sightings(str(video), watched.detections, tracklets, kept, is_fused)),
        embedder.embed_features([c.crop for c in kept], sequences),
        tuple(c.crop for c in kept),
    )
    reasons = tuple(c.quality.reasons for c in kept)
    return VideoSightings(Path(video), table, reasons, tuple(notes), not is_overwhelmed)


def _watch(
    video: Path,
    embedder: Embedder,
    detect: Detect,
    frames_per_second: float,
    follow: bool,
    sound: Sound,
    each: Callable[[float], None] | None,
) -> tuple[Watched, list[str]]:
    """What is seen in the frames that are looked at, with notes; of a detection file, those with boxes."""
    chosen = None
    if isinstance(detect, KnownBoxes):
        chosen = detect.frames_to_look_at(frames_per_second)
        if not chosen:
            probe_video(video)  # a video without animals must still be one that can be read
            return Watched(), list(detect.notes)
    moments = iter_moments(
        video,
        frames_per_second=frames_per_second if chosen is None else None,
        audio_seconds=None if sound == "none" else embedder.settings.audio_seconds,
        sample_rate_hz=embedder.settings.front_end.sample_rate_hz,
        frame_indices=chosen,
    )
    if each is not None:
        moments = _told(moments, each)
    watched = look_through(moments, detect, follow=follow, sound=sound)
    notes = list(detect.notes) if isinstance(detect, KnownBoxes) else []
    missing = sorted((chosen or frozenset()) - watched.frames)
    if missing and not watched.frames:
        raise UnreadableMediaError(
            video,
            f"all {len(missing)} frames with detections (from number {missing[0]}) are beyond its end: the "
            "detections are of another video, or its frames were numbered otherwise",
        )
    if missing:
        notes.append(
            f"{len(missing)} frames with detections (from number {missing[0]}) are beyond the end of the "
            "video and are left out: are the detections of this very video?"
        )
    return watched, notes


def _told(moments: Iterator[Moment], each: Callable[[float], None]) -> Iterator[Moment]:
    for moment in moments:
        each(moment.time_seconds)
        yield moment


def _places_in_frames(detections: Sequence[Detection]) -> list[int]:
    """0 for the first detection of a frame, 1 for the second: who is who where nobody is followed."""
    num_in: dict[int, count[int]] = {}
    return [next(num_in.setdefault(d.frame_index, count())) for d in detections]


def _sightings(
    video: str,
    detections: Sequence[Detection],
    tracklets: Sequence[int],
    kept: Sequence[Candidate],
    is_fused: Sequence[bool],
) -> Iterable[Sighting]:
    times: dict[int, list[float]] = {}
    in_frame: dict[int, set[int]] = {}
    beside: dict[int, set[int]] = {tracklet: set() for tracklet in tracklets}
    for detection, tracklet in zip(detections, tracklets, strict=True):
        times.setdefault(tracklet, []).append(detection.time_seconds)
        in_frame.setdefault(detection.frame_index, set()).add(tracklet)
    for here in in_frame.values():
        for tracklet in here:
            beside[tracklet] |= here - {tracklet}
    for candidate, with_sound in zip(kept, is_fused, strict=True):
        detection, tracklet = detections[candidate.number], tracklets[candidate.number]
        yield Sighting(
            media=video,
            modality="fused" if with_sound else "image",
            time_seconds=detection.time_seconds,
            start_seconds=min(times[tracklet]),
            end_seconds=max(times[tracklet]),
            frame_index=detection.frame_index,
            box=detection.box,
            tracklet=tracklet,
            seen_with=tuple(sorted(beside[tracklet])),
            quality=candidate.quality.value,
            score=detection.score,
        )
