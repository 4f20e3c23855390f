"""`fused-encoder classify predict`: who sings in recordings of any length, and when."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.options import add_command, choice, value
from app.cli.outcome import (
    DONE,
    DONE_WITH_SKIPPED,
    check_destination,
    import_tensorflow_quietly,
    table,
)

if TYPE_CHECKING:
    from soundscapes import PredictionSummary, Smoothing, SpeciesThresholds

MARKER = "prediction.json"
MOST_LISTED = 20
PLAIN_THRESHOLD = 0.5


def add_options(actions: argparse._SubParsersAction) -> None:
    """Adds the action to the parser."""
    parser = add_command(actions, "predict", "name the species in recordings of any length")
    value(parser, "classifier", str, "RUN", "folder that `classify train --out` wrote")
    value(parser, "inputs", str, "FILES", "recordings, or folders to walk", nargs="+")
    value(parser, "--out", str, "DIR", "where tables, labels and the report go", required=True)
    add_ensemble(parser)
    only = "listen for this species only; may be repeated"
    value(parser, "--species", str, "NAME", only, action="append")
    _add_cutting(parser.add_argument_group("how recordings are cut"))
    _add_smoothing(parser.add_argument_group("smoothing of segments (off by default)"))
    _add_events(parser.add_argument_group("events"))
    value(parser, "--workers", int, "N", "processes that decode", least=0)
    value(parser, "--time-limit", 60.0, "S", "a file that gives nothing for so long is given up")


def add_ensemble(parser: argparse.ArgumentParser) -> None:
    """Further classifiers."""
    more = "another classifier, such as another fold; may be repeated"
    value(parser, "--with", str, "RUN", more, action="append", dest="others")
    choice(parser, "--ensemble", ("mean", "min", "rank"), "how several become one")


def _add_cutting(group: argparse._ArgumentGroup) -> None:
    value(group, "--hop-seconds", float, "S", "from clip to clip (default: half a clip)", above=0)
    value(group, "--segment-seconds", 5.0, "S", "of a row of the table of segments", above=0)
    value(group, "--shifts", 1, "N", "listen so often, each time from a later start", least=1)
    pooled = "of a recording: the mean of its clips, or its highest segment"
    choice(group, "--recording-pooling", ("mean", "max"), pooled)


def _add_smoothing(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--smooth", action="store_true", help="neighbours weighted by 0.1 0.2 0.4 0.2 0.1"
    )
    value(group, "--neighbour-share", 0.0, "A", "(1-a)p + a/2 (before + after)", least=0, below=1)
    scales = "breaks calibration: times the mean of a species' highest N segments (such as 2)"
    value(group, "--top-scaling", 0, "N", scales, least=0)
    powers = "breaks calibration: times its highest segment to this power (such as 0.4)"
    value(group, "--max-power", 0.0, "P", powers, least=0)
    together = "breaks calibration: weight of which species RUN was taught are heard together"
    value(group, "--cooccurrence", 0.0, "W", together, least=0)


def _add_events(group: argparse._ArgumentGroup) -> None:
    file = "that `classify evaluate` wrote (default: RUN's own; of an ensemble, none)"
    value(group, "--thresholds", str, "FILE", file)
    one = "for all species, in place of a file"
    value(group, "--threshold", float, "T", one, least=0)
    value(group, "--gap-seconds", 1.0, "S", "an event may be interrupted for so long", least=0)
    value(group, "--min-seconds", 0.0, "S", "a shorter one is none", least=0)


def run(options: argparse.Namespace) -> int:
    """Listens to what it can, and says of the rest why not."""
    if options.thresholds is not None and options.threshold is not None:
        raise ValueError("Expected --thresholds or --threshold, received both. Leave one out.")
    check_destination(options.out, MARKER)
    import_tensorflow_quietly()
    from app.reports.sound_report import write_prediction_report
    from archives import Decoding
    from soundscapes import EventSettings, PredictionSettings, predict_recordings
    from soundscapes.run import load_classifier

    thresholds, told = _thresholds(options)
    summary = predict_recordings(
        [load_classifier(run) for run in (options.classifier, *(options.others or ()))],
        options.inputs,
        options.out,
        species=options.species,
        settings=PredictionSettings(
            hop_seconds=options.hop_seconds,
            segment_seconds=options.segment_seconds,
            num_shifts=options.shifts,
            recording_pooling=options.recording_pooling,
            ensemble=options.ensemble,
        ),
        smoothing=_smoothing(options),
        thresholds=thresholds,
        events=EventSettings(options.gap_seconds, options.min_seconds),
        decoding=Decoding(options.workers, options.time_limit),
        progress=True,
    )
    _print_summary(summary, told)
    print(f"Report: {write_prediction_report(options.out)}")
    return DONE_WITH_SKIPPED if summary.not_whole else DONE


def _thresholds(options: argparse.Namespace) -> tuple[SpeciesThresholds | float, str]:
    """The thresholds, and what is to be said of them."""
    from soundscapes.thresholds_file import THRESHOLDS_FILE, load_thresholds

    if options.threshold is not None:
        return options.threshold, f"One threshold for all species: {options.threshold:g}."
    file = Path(options.classifier, THRESHOLDS_FILE)
    if options.thresholds is not None:
        file = Path(options.thresholds)
    elif options.others or not file.is_file():
        reason = (
            "RUN's own thresholds are not those of an ensemble"
            if options.others
            else f"there are no thresholds in '{options.classifier}'"
        )
        return PLAIN_THRESHOLD, (
            f"Events are scores above {PLAIN_THRESHOLD:g}, which promises nothing: {reason}. "
            "`fused-encoder classify evaluate RUN` certifies thresholds; --thresholds names a file."
        )
    found = load_thresholds(file)
    uncertified = len(found.species) - found.num_certified
    told = f"Thresholds of '{file}'."
    if uncertified:
        told += (
            f" {uncertified} of {len(found.species)} species could not be certified and have the published "
            f"threshold, {found.published:.4f}."
        )
    if options.hop_seconds is not None or options.shifts > 1 or options.others:
        told += (
            " `evaluate` certifies for RUN alone, with the default --hop-seconds and --shifts; cut or "
            "combined otherwise, scores are others, and nothing is promised."
        )
    return found, told


def _smoothing(options: argparse.Namespace) -> Smoothing:
    from soundscapes import Smoothing, fit_cooccurrence
    from soundscapes.run import load_sound_run
    from soundscapes.smoothing import HEAVY_KERNEL

    together = None
    if options.cooccurrence:
        if options.species:
            raise ValueError("--cooccurrence needs all species: leave --species out.")
        labels = load_sound_run(options.classifier).training.labels()
        together = fit_cooccurrence(labels, weight=options.cooccurrence)
    return Smoothing(
        kernel=HEAVY_KERNEL if options.smooth else None,
        neighbour_share=options.neighbour_share,
        num_top=options.top_scaling,
        max_power=options.max_power,
        cooccurrence=together,
    )


def _print_summary(summary: PredictionSummary, told: str) -> None:
    counts = ", ".join(f"{num:,} {status}" for status, num in sorted(summary.by_status.items()))
    print(f"{len(summary.rows):,} files: {counts}.")
    print(told)
    if summary.breaks_calibration:
        print(
            f"Scores are no probabilities after {', '.join(summary.breaks_calibration)}: certify thresholds "
            "on scores that were treated alike."
        )
    heard = sorted(summary.counts.items(), key=lambda item: -item[1].num_events)
    rows = [
        (name, one.num_recordings, one.num_segments, one.num_events, one.seconds)
        for name, one in heard
        if one.num_events or one.num_segments
    ]
    header = ("species", "recordings", "segments", "events", "seconds")
    print(table(rows, header) if rows else "No species is above its threshold anywhere.")
    for row in summary.not_whole[:MOST_LISTED]:
        print(f"  {row.file}: {row.status}: {row.reason}", file=sys.stderr)
    if (rest := len(summary.not_whole) - MOST_LISTED) > 0:
        print(f"  ... and {rest:,} more, listed in files.csv", file=sys.stderr)
