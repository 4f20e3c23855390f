"""What a reader of a count should know: in words, beside the numbers."""

from collections.abc import Iterator, Sequence

from individuals.footage import IndividualCount
from individuals.grouping.count_interval import TRIALS_NEEDED, CountInterval
from individuals.video.detectors import Detector, DetectorName
from individuals.video.sightings import VideoSightings
from inference.calibrate.calibration import Calibration
from media.wording import some_names


def count_notes(
    count: IndividualCount,
    sightings: Sequence[VideoSightings],
    *,
    detector: DetectorName | Detector,
    num_skipped: int,
    calibration: Calibration | None,
) -> tuple[str, ...]:
    """Notes on a count, those that most change its meaning first."""
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
        kinds = {s.modality for seen in sightings for s in seen.table.sightings}
        notes.append("no interval knows of animals that no detector saw.")
        notes += _of_bounds(count, calibration, has_sound=len(kinds) > 1)
        intervals = (count.interval, *count.intervals.values())
        is_learnt = any(i is not None and i.confidence is not None for i in intervals)
        if is_learnt and calibration is not None and not calibration.is_identity_disjoint:
            notes.append(
                "the intervals were learnt on individuals (or classes) that the encoder was trained on: for "
                "animals that it has never seen, counts are further off. Calibrate on others "
                "(`fused-encoder calibrate`)."
            )
    if count.conflicts:
        notes.append(
            f"{len(count.conflicts)} pairs look like one individual but are known to be two (as a "
            "rule seen in one frame): they were kept apart."
        )
    return tuple(notes)


def _of_bounds(
    count: IndividualCount, calibration: Calibration | None, *, has_sound: bool
) -> Iterator[str]:
    """Why numbers have bounds and no 95 % interval: each reason with the numbers that it is of."""
    rows: dict[str, list[str]] = {}
    numbers = {str(video): (count.per_video[video], i) for video, i in count.intervals.items()}
    numbers["all videos together"] = (count.num_individuals, count.interval)
    for name, (number, interval) in numbers.items():
        if number and interval is not None and interval.confidence is None:
            reason = _reason(interval, calibration, has_sound=has_sound)
            rows.setdefault(reason, []).append(name)
    for reason, names in rows.items():
        of = "all numbers" if len(names) == len(numbers) else some_names(names, 3)
        yield (
            f"{of}: bounds instead of a 95 % interval, from those seen together to the number of "
            f"tracklets (if the boxes are right): {reason}."
        )


def _reason(interval: CountInterval, calibration: Calibration | None, *, has_sound: bool) -> str:
    if calibration is None:
        return (
            "a threshold says nothing of its errors (the calibration that `fused-encoder calibrate` puts "
            "into an encoder does)"
        )
    if has_sound:
        return "crops with and without sound were compared, and how far off that is nobody measured"
    if not interval.num_trials:
        return (
            "the encoder's calibration has no counts of known individuals (it needs four, two of them in two "
            "sources: `fused-encoder calibrate`)"
        )
    if interval.num_trials < TRIALS_NEEDED:
        return f"the calibration has {interval.num_trials} trial counts, {TRIALS_NEEDED} are needed"
    return (
        f"the calibration tried counts up to {interval.largest_trial} only (more known individuals reach "
        "further: `fused-encoder calibrate`)"
    )
