"""`fused-encoder check`: looks an archive over before any computing."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from app.cli.options import add_command, switch, value
from app.cli.outcome import DONE, DONE_WITH_SKIPPED, silent_stderr

if TYPE_CHECKING:
    from archives.survey.records import SurveyedFile
    from soundscapes.probes import ConfoundProbe


def add_options(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    parser = add_command(
        commands, "check", "look an archive over: what is there, broken, missing, before `embed`"
    )
    value(parser, "inputs", str, "DIR", "folders to walk, or files", nargs="+")
    deep = "decode everything: finds damage, silence, clipping and NaN, and takes its time"
    switch(parser, "--deep", deep)
    out = "save it: FILE.csv or FILE.parquet (one row per file), FILE.json (summary), or a folder"
    value(parser, "--out", str, "PATH", out)
    switch(parser, "--json", "print the summary as JSON")
    switch(parser, "--all", "list every problem, not the first few")
    value(parser, "--seed", 0, None, "of the sample that is decoded")


def run(options: argparse.Namespace) -> int:
    """Prints the survey; 0 if no file has a problem, else 1."""
    from app.reports.survey_page import survey_page
    from app.reports.survey_words import shown
    from archives.survey import survey_archive, survey_to_record, write_survey

    with silent_stderr():
        survey = survey_archive(
            options.inputs, deep=options.deep, seed=options.seed, progress=sys.stderr.isatty()
        )
    if options.json:
        print(json.dumps(survey_to_record(survey), indent=1))
    else:
        print(survey_page(survey, lists_all=options.all))
    if probe := folder_confounds(survey.media):
        print(probe.in_words(), file=sys.stderr)
    if options.out:
        for path in write_survey(options.out, survey):
            print(f"Written: '{shown(path)}'.", file=sys.stderr)
    return DONE if survey.is_sound else DONE_WITH_SKIPPED


def folder_confounds(files: Sequence[SurveyedFile]) -> ConfoundProbe | None:
    """What sample rate and duration alone tell of the folders that recordings lie in, where it is much.

    Where folders are classes, a classifier may learn recorders in place of species.
    """
    import numpy as np

    from soundscapes.probes import HEADER_CONDITIONS, probe_conditions

    known = [
        (str(file.path.parent), str(file.path), float(rate), float(seconds))
        for file in files
        if (rate := file.header.sample_rate_hz) and (seconds := file.header.duration_seconds)
        if file.kind == "recording"
    ]
    if not known:
        return None
    folders, paths, *values = zip(*known, strict=True)
    classes = np.unique(folders, return_inverse=True)[1]
    probe = probe_conditions(np.transpose(values), HEADER_CONDITIONS, classes, paths)
    return probe if probe is not None and probe.is_suspicious else None
