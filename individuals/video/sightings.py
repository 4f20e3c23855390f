"""Sightings: the animals in a video's frames, followed for a while, cropped, heard and embedded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path

import numpy as np

from individuals.sighting import Sighting
from individuals.sighting_table import SightingTable
from individuals.video.detection import Detection
from individuals.video.detection_file import DetectionFile
from individuals.video.detectors import Detector
from individuals.video.known_boxes import KnownBoxes
from individuals.video.sound import Sound, audio_sequence_of, check_sound, is_alone_throughout
from individuals.video.tracklets import link_tracklets
from individuals.video.watching import Watched, watch
from inference.embed import Embedder
from inference.embeddings import Embeddings
from inference.modalities import Modality
from media import UnreadableMediaError, iter_moments, probe_video


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
        qualities: float in [0, 1] of each sighting; blurred, tiny, cut-off, overlapped and unsure ones are
            marked down. Left out: 1 each.
        quality_reasons: what marked each down, such as ("blurred", "cut off"). Left out: nothing.
        modalities: what each embedding was made of, "image" or "fused". Left out: "image" each.
        notes: what a reader of the answer should know.
        spans_seconds: when each tracklet was detected first and last, embedded or not. Left out: unknown.
    """

    video: Path
    embeddings: Embeddings
    detections: tuple[Detection, ...]
    tracklets: tuple[int, ...]
    crops: tuple[np.ndarray, ...]
    seen_together: tuple[tuple[int, int], ...]
    qualities: tuple[float, ...] = ()
    quality_reasons: tuple[tuple[str, ...], ...] = ()
    modalities: tuple[Modality, ...] = ()
    notes: tuple[str, ...] = ()
    spans_seconds: Mapping[int, tuple[float, float]] = field(default_factory=dict)

    def table(self) -> SightingTable:
        """The sightings as the one record that all else takes."""
        beside: dict[int, set[int]] = {}
        for one, other in self.seen_together:
            beside.setdefault(one, set()).add(other)
            beside.setdefault(other, set()).add(one)
        found = []
        for detection, tracklet, modality, quality in zip(
            self.detections, self.tracklets, self.modalities, self.qualities, strict=True
        ):
            moment = (detection.time_seconds, detection.time_seconds)
            start, end = self.spans_seconds.get(tracklet, moment)
            found.append(
                Sighting(
                    media=str(self.video),
                    modality=modality,
                    time_seconds=detection.time_seconds,
                    start_seconds=start,
                    end_seconds=end,
                    frame_index=detection.frame_index,
                    box=detection.box,
                    tracklet=tracklet,
                    seen_with=tuple(sorted(beside.get(tracklet, ()))),
                    quality=quality,
                    score=detection.score,
                )
            )
        return SightingTable(tuple(found), self.embeddings, self.crops)

    def __post_init__(self) -> None:
        num = len(self.detections)
        for name, neutral in (("qualities", 1.0), ("quality_reasons", ()), ("modalities", "image")):
            if num and not getattr(self, name):
                object.__setattr__(self, name, (neutral,) * num)
        parts = ("embeddings", "tracklets", "crops", "qualities", "quality_reasons", "modalities")
        lengths = {name: len(getattr(self, name)) for name in parts}
        if set(lengths.values()) - {num}:
            raise ValueError(f"Expected {num} of each part of the sightings, received {lengths}.")


def find_sightings(
    video: str | Path,
    embedder: Embedder,
    detector: Detector,
    *,
    frames_per_second: float,
    min_detections: int,
    follow: bool,
    sound: Sound = "none",
) -> Sightings:
    """Detects, follows, crops, hears and embeds the animals of one video.

    The video is read in pieces of at most 1 GiB of frames, whatever its length. Of each tracklet up to
    four crops of each piece are embedded, the best of each quarter of its time there.

    Args:
        video: the file.
        embedder: turns crops, and the sound around them, into embeddings.
        detector: see `individuals.video.detectors`; of a detection file, only frames with boxes count.
        frames_per_second: float > 0, frames that are looked at; with a detection file, at most.
        min_detections: int >= 1; tracklets that were detected in fewer frames are left out.
        follow: whether detections are joined to tracklets; if not, every detection is a tracklet of
            its own.
        sound: whether crops are embedded together with the sound around their frames, over as many seconds
            as the encoder hears at once. "none": by sight alone. "alone": with it where, as long as it
            lasts, no other animal is in view; with several animals it belongs to none of them. Or a
            function of a moment and the detections in its frame that gives the position of the one that
            is heard, or None. A crop without sound, or with a silent one, is embedded by sight alone.

    Returns:
        `Sightings`.

    Raises:
        ValueError: an unknown `sound`, or a detection file that does not fit the video.
        UnreadableMediaError: not one frame can be decoded; the detector could not use the video; or all of
            its frames with detections are beyond the end.
    """
    check_sound(sound)
    detect = detector.for_video(video) if isinstance(detector, DetectionFile) else detector
    chosen = None
    if isinstance(detect, KnownBoxes):
        chosen = detect.frames_to_look_at(frames_per_second)
    moments = iter_moments(
        video,
        frames_per_second=frames_per_second if chosen is None else None,
        audio_seconds=None if sound == "none" else embedder.settings.audio_seconds,
        frame_indices=chosen,
    )
    if chosen is not None and not chosen:
        probe_video(video)  # a video without animals must still be one that can be read
        moments = iter(())
    watched = watch(moments, detect, follow=follow, sound=sound)
    notes = list(detect.notes) if isinstance(detect, KnownBoxes) else []
    notes += _missing_frames_note(Path(video), chosen, watched)
    return _embedded(
        Path(video),
        watched,
        embedder,
        notes,
        min_detections=min_detections,
        follow=follow,
        sound=sound,
    )


def _embedded(
    video: Path,
    watched: Watched,
    embedder: Embedder,
    notes: Sequence[str],
    *,
    min_detections: int,
    follow: bool,
    sound: Sound,
) -> Sightings:
    detections = watched.detections
    tracklets = list(range(len(detections)))
    if follow and detections:
        tracklets = link_tracklets(detections, appearances=np.stack(watched.looks))
    lengths = Counter(tracklets)
    is_kept = [lengths[tracklet] >= min_detections for tracklet in tracklets]
    kept = [c for c in watched.candidates if is_kept[c.number]]
    waveforms = [c.waveform for c in kept]
    if sound == "alone":
        animals = tracklets if follow else _places_in_frames(detections)
        is_alone = is_alone_throughout(
            [d for d, is_animal in zip(detections, is_kept, strict=True) if is_animal],
            [a for a, is_animal in zip(animals, is_kept, strict=True) if is_animal],
            [detections[c.number].time_seconds for c in kept],
            embedder.settings.audio_seconds,
        )
        waveforms = [w if alone else None for w, alone in zip(waveforms, is_alone, strict=True)]
    sequences = [None if w is None else audio_sequence_of(embedder, w) for w in waveforms]
    num_silent = sum(w is not None for w in waveforms) - sum(s is not None for s in sequences)
    if num_silent:
        told = f"the sound around {num_silent} crops is silent: they are embedded by sight alone."
        notes = [*notes, told]
    return Sightings(
        video,
        embedder.embed_features([c.crop for c in kept], sequences),
        tuple(detections[c.number] for c in kept),
        tuple(tracklets[c.number] for c in kept),
        tuple(c.crop for c in kept),
        _seen_together(detections, tracklets),
        tuple(c.quality.value for c in kept),
        tuple(c.quality.reasons for c in kept),
        tuple("image" if sequence is None else "fused" for sequence in sequences),
        tuple(notes),
        _spans(detections, tracklets),
    )


def _missing_frames_note(video: Path, chosen: frozenset[int] | None, watched: Watched) -> list[str]:
    missing = sorted((chosen or frozenset()) - watched.frames)
    if not missing:
        return []
    if not watched.frames:
        raise UnreadableMediaError(
            video,
            f"all {len(missing)} frames with detections (from number {missing[0]}) are beyond its end: the "
            "detections are of another video, or its frames were numbered otherwise",
        )
    return [
        f"{len(missing)} frames with detections (from number {missing[0]}) are beyond the end of the video "
        "and are left out: are the detections of this very video?"
    ]


def _places_in_frames(detections: Sequence[Detection]) -> list[int]:
    """0 for the first detection of a frame, 1 for the second: who is who where nobody is followed."""
    seen: Counter[int] = Counter()
    places = []
    for detection in detections:
        places.append(seen[detection.frame_index])
        seen[detection.frame_index] += 1
    return places


def _spans(
    detections: Sequence[Detection], tracklets: Sequence[int]
) -> dict[int, tuple[float, float]]:
    spans: dict[int, tuple[float, float]] = {}
    for detection, tracklet in zip(detections, tracklets, strict=True):
        first, last = spans.get(tracklet, (detection.time_seconds, detection.time_seconds))
        spans[tracklet] = (min(first, detection.time_seconds), max(last, detection.time_seconds))
    return spans


def _seen_together(
    detections: Sequence[Detection], tracklets: Sequence[int]
) -> tuple[tuple[int, int], ...]:
    in_frame: dict[int, set[int]] = {}
    for detection, tracklet in zip(detections, tracklets, strict=True):
        in_frame.setdefault(detection.frame_index, set()).add(tracklet)
    pairs = {pair for seen in in_frame.values() for pair in combinations(sorted(seen), 2)}
    return tuple(sorted(pairs))
