"""Students that never heard of some species: trials of "unknown"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from soundscapes.recordings import LabelledRecordings
from student.clips import StudentClips
from student.distil import distil_student, predicted
from student.options import StudentTraining
from student.student import Student
from student.taught import TeacherOutputs
from student.unknown import LeftOutTrial, LogitsOf


def leave_species_out(
    clips: StudentClips,
    validation: StudentClips,
    taught: TeacherOutputs | None = None,
    *,
    num_left_out: int = 2,
    options: StudentTraining | None = None,
    progress: bool = True,
    **network_options: Any,  # of `create_student`
) -> list[LeftOutTrial]:
    """Trains a student without the first species, one without the next, until each was left out.

    Their clips of training and of validation are the unknown ones: none was heard by that student. The
    teacher's logits of the others are used as they are, a softmax over fewer species.

    Args:
        clips: as `distil_student` takes them; the same for the others.
        validation: likewise.
        taught: likewise.
        num_left_out: int >= 1, at once; at least two species must stay.
        options: the recipe.
        progress: whether to print the epochs.
        network_options: of `create_student`.

    Raises:
        ValueError: too few species stay.
    """
    names = clips.recordings.class_names
    if not 1 <= num_left_out <= len(names) - 2:
        raise ValueError(
            f"Expected num_left_out of 1 to {len(names) - 2}, so that at least two of the {len(names)} "
            f"species stay; received {num_left_out}."
        )
    trials = []
    for first in range(0, len(names), num_left_out):
        gone = list(range(first, min(first + num_left_out, len(names))))
        kept = [number for number in range(len(names)) if number not in gone]
        known, known_validation = only_species(clips, kept), only_species(validation, kept)
        if taught is not None:
            is_kept = np.isin(clips.primary, kept)
            summary = None if taught.summary is None else taught.summary[is_kept]
            told = TeacherOutputs(taught.logits[is_kept][:, kept], summary)
        trained = distil_student(
            known,
            known_validation,
            None if taught is None else told,
            options=options,
            progress=progress,
            **network_options,
        )
        network = trained.student.network
        unknown = [
            predicted(network, side)[np.isin(side.primary, gone)] for side in (clips, validation)
        ]
        trials.append(
            LeftOutTrial(
                tuple(names[number] for number in gone),
                logits_of(trained.student, known),
                logits_of(trained.student, known_validation),
                np.concatenate(unknown),
            )
        )
    return trials


def logits_of(student: Student, clips: StudentClips) -> LogitsOf:
    """What a student says of clips, with their truth."""
    return LogitsOf(predicted(student.network, clips), clips.primary, clips.sources)


def only_species(clips: StudentClips, kept: Sequence[int]) -> StudentClips:
    """The clips of some species, numbered anew."""
    number_of = {old: new for new, old in enumerate(kept)}
    places = [place for place, one in enumerate(clips.recordings) if one.primary in number_of]
    recordings = LabelledRecordings(
        tuple(clips.recordings.class_names[number] for number in kept),
        tuple(
            replace(
                one,
                primary=number_of[one.primary],
                secondary=tuple(number_of[each] for each in one.secondary if each in number_of),
            )
            for one in (clips.recordings[place] for place in places)
        ),
    )
    new_place = {place: number for number, place in enumerate(places)}
    is_kept = np.isin(clips.recording_of, places)
    return replace(
        clips,
        recordings=recordings,
        mel=clips.mel[is_kept],
        features=clips.features[is_kept],
        extra=clips.extra[is_kept],
        recording_of=np.array(
            [new_place[p] for p in clips.recording_of[is_kept].tolist()], np.int64
        ),
    )
