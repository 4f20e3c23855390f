"""`fused-encoder check`: an archive looked over before any computing."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from app.cli.main import DONE, DONE_WITH_SKIPPED
from app.reports.survey_page import survey_page
from app.reports.survey_words import shown
from archives.survey import survey_archive, survey_to_record, write_survey


def run(options: argparse.Namespace) -> int:
    """Prints the survey; 0 where nothing is wrong with any file, else 1."""
    with _decoders_kept_quiet():
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


@contextmanager
def _decoders_kept_quiet() -> Iterator[None]:
    """libmpg123 writes to descriptor 2 of what it mends by itself; Python's own lines still come through."""
    sys.stderr.flush()
    kept, ours = os.dup(2), sys.stderr
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - a device
        os.dup2(nowhere.fileno(), 2)
    try:
        if ours is sys.__stderr__:
            sys.stderr = os.fdopen(os.dup(kept), "w", buffering=1)
        yield
    finally:
        sys.stderr.flush()
        sys.stderr = ours
        os.dup2(kept, 2)
        os.close(kept)
