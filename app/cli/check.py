"""`fused-encoder check`: looks an archive over before any computing."""

from __future__ import annotations

import argparse
import json
import sys

from app.cli.options import add_command, switch, value
from app.cli.outcome import DONE, DONE_WITH_SKIPPED, silent_stderr


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
    if options.out:
        for path in write_survey(options.out, survey):
            print(f"Written: '{shown(path)}'.", file=sys.stderr)
    return DONE if survey.is_sound else DONE_WITH_SKIPPED
