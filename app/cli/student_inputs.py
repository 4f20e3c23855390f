"""Recordings of a student and how it hears them, as several actions of `student` are told of them."""

from __future__ import annotations

import argparse
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.options import switch, value
from app.cli.sound_inputs import COMMON_BAND, labelled_recordings

if TYPE_CHECKING:
    from soundscapes.recordings import LabelledRecordings
    from student import StudentClips, StudentHearing

logger = logging.getLogger(__name__)

MAX_LISTED = 10


@dataclass(frozen=True)
class StudentSides:
    """What is trained on, what chooses the best epoch, what is held out; and what sheets say of files."""

    training: LabelledRecordings
    validation: LabelledRecordings
    held_out: LabelledRecordings
    given: dict[Path, dict[str, float]]

    @property
    def every(self) -> LabelledRecordings:
        """All three."""
        from soundscapes.recordings import LabelledRecordings

        both = (*self.training, *self.validation, *self.held_out)
        return LabelledRecordings(self.training.class_names, both)

    def extra(self, columns: list[str]) -> dict[Path, tuple[float, ...]]:
        """Further numbers of each file; NaN where its sheet has none."""
        known = {column for numbers in self.given.values() for column in numbers}
        if missing := [column for column in columns if column.casefold() not in known]:
            raise ValueError(
                f"No sheet has numbers in {', '.join(map(repr, missing))} (--extra). Columns with numbers: "
                f"{', '.join(sorted(known)) or 'none; --extra needs train/ and test/ with sheets'}."
            )
        nothing = float("nan")
        return {
            path: tuple(numbers.get(column.casefold(), nothing) for column in columns)
            for path, numbers in self.given.items()
            if columns
        }


def add_student_hearing(parser: argparse.ArgumentParser) -> None:
    """What a student hears; the defaults are those of `StudentHearing`."""
    group = parser.add_argument_group("what the student hears")
    value(group, "--sample-rate", 48_000, "HZ", "every file is resampled to it", least=1)
    value(group, "--clip-seconds", 5.0, "S", "of sound at once", above=0)
    value(group, "--min-hz", 20.0, "HZ", "where the lowest mel band begins", least=0)
    value(group, "--max-hz", float, "HZ", "where the highest ends (default: half the sample rate)")
    clamp = "a --max-hz above half the sample rate is lowered to it; else it is refused"
    switch(group, "--clamp-band", clamp)
    value(group, "--bands", 64, "N", "mel bands", least=8)
    switch(group, "--common-band", COMMON_BAND)
    value(group, "--store", str, "DIR", "where inputs are kept (default: the cache)")


def student_hearing(options: argparse.Namespace, recordings: LabelledRecordings) -> StudentHearing:
    """What `add_student_hearing` asked for."""
    from student import StudentHearing, common_band

    hearing = StudentHearing(
        sample_rate_hz=options.sample_rate,
        clip_seconds=options.clip_seconds,
        min_hz=options.min_hz,
        max_hz=options.max_hz,
        num_bands=options.bands,
        beyond_nyquist="clamp" if options.clamp_band else "refuse",
    )
    if options.common_band:
        hearing = common_band(recordings, hearing)
        print(f"Common band: {hearing.min_hz:g} to {hearing.highest_hz:g} Hz.")
    return hearing


def student_sides(options: argparse.Namespace) -> StudentSides:
    """Recordings in three parts: as `train/`, `validate/` and `test/` with sheets say, or split by source."""
    from soundscapes.folds import fold_recordings, split_recordings
    from student.sheet import is_sheet_folder, read_sheets
    from triplets import source_by_pattern

    if options.recordings and not options.table and is_sheet_folder(options.recordings):
        by_name = source_by_pattern(options.source) if options.source else None
        sheets = read_sheets(options.recordings, source_of=by_name)
        training, validation = sheets.training, sheets.validation
        if not len(validation):
            training, validation = split_recordings(training, seed=options.seed)
        given = {path: dict(numbers) for path, numbers in sheets.given.items()}
        return StudentSides(training, validation, sheets.held_out, given)
    if options.fold > options.folds:
        raise ValueError(f"Expected --fold of 1 to {options.folds}, received {options.fold}.")
    recordings = labelled_recordings(options)
    folds = list(fold_recordings(recordings, num_folds=options.folds, seed=options.seed))
    training, held_out = folds[options.fold - 1]
    training, validation = split_recordings(training, seed=options.seed)
    return StudentSides(training, validation, held_out, {})


def tell_differences(clips: StudentClips, given: dict[Path, dict[str, float]]) -> None:
    """Lists where sheets are not what the files say."""
    from student.sheet import sheet_differences

    differences = sheet_differences(clips, given)
    if differences:
        listed = "".join(
            f"\n  {d.path}: {d.column} is {d.given:g} in the sheet, {d.found:g} in the file"
            for d in differences[:MAX_LISTED]
        )
        more = len(differences) - MAX_LISTED
        rest = f"\n  and {more} more" if more > 0 else ""
        logger.warning(
            "%d numbers of the sheets are not what the files say; what the files say is used:%s%s",
            *(len(differences), listed, rest),
        )
