"""What a reader of a count should know: in words, beside the numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from individuals.footage import IndividualCount
from individuals.video.detectors import Detector, DetectorName
from individuals.video.sightings import VideoSightings
from inference.calibrate.calibration import Calibration


def count_notes(
    count: IndividualCount,
    sightings: Sequence[VideoSightings],
    *,
    detector: DetectorName | Detector,
    num_skipped: int,
    calibration: Calibration | None,
) -> tuple[str, ...]:
    """Notes on a count, those that most change its meaning first.

    Args:
        count: the numbers.
        sightings: of each video that could be read.
        detector: how animals were found.
        num_skipped: int, videos that could not be read.
        calibration: by which was counted; None: by a threshold.
    """
    notes = []
    if num_skipped:
        notes.append(
            f"{num_skipped} of {num_skipped + len(sightings)} videos could not be read; no number here says "
            "anything of them."
        )
    notes += [f"{seen.video}: {note}" for seen in sightings for note in seen.notes]
    empty = [str(video) for video, number in count.per_video.items() if number == 0]
    if empty and detector == "motion":
        notes.append(
            f"nothing was seen to move in {', '.join(empty)}: an animal that keeps still, or a moving "
            "camera, needs another detector ('whole', or your own)."
        )
    if detector == "whole":
        notes.append(
            "each frame was taken as one sighting: several animals in one frame are counted as one."
        )
    if count.num_individuals:
        notes += _of_intervals(count, sightings, calibration)
    if count.conflicts:
        notes.append(
            f"{len(count.conflicts)} pairs look like one individual but are known to be two (as a "
            "rule seen in one frame): they were kept apart."
        )
    return tuple(notes)


def _of_intervals(
    count: IndividualCount, sightings: Sequence[VideoSightings], calibration: Calibration | None
) -> Iterator[str]:
    if count.interval.confidence is None:
        kinds = {s.modality for seen in sightings for s in seen.table.sightings}
        if calibration is None:
            reason = (
                "a threshold says nothing of its errors (the calibration that "
                "`fused-encoder calibrate` puts into an encoder does)"
            )
        elif len(kinds) > 1:
            reason = "crops with and without sound were compared, and how far off that is nobody measured"
        else:
            reason = (
                "the encoder's calibration has no counts of known individuals (it needs four, two of them in "
                "two sources: `fused-encoder calibrate`)"
            )
        yield (
            "the intervals are only what is certain, from those seen together to the number of tracklets: "
            f"{reason}."
        )
    elif calibration is not None and not calibration.is_identity_disjoint:
        yield (
            "the intervals were learnt on individuals (or classes) that the encoder was trained on: for "
            "animals that it has never seen, counts are further off. Calibrate on others "
            "(`fused-encoder calibrate`)."
        )
