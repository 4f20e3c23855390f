"""`fused-encoder listen`: a classifier or a student on a stream of sound, event by event."""

from __future__ import annotations

import argparse
import csv
import json
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, astuple, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from app.cli.options import add_command, choice, switch, value
from app.cli.outcome import DONE, import_tensorflow_quietly

if TYPE_CHECKING:
    import numpy as np

    from soundscapes import Event
    from student import ClipScorer
    from student.sources import SoundSource

MICROPHONE, STANDARD_INPUT = "microphone", "-"
PLAIN_THRESHOLD = {"student": 0.7, "classifier": 0.5}


def add_options(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    parser = add_command(commands, "listen", "name species in a live stream, event by event")
    value(parser, "listener", str, "RUN", "folder that `student train` or `classify train` wrote")
    what = "- for standard input (WAV, or raw samples with --rate), a file that may still grow, or microphone"
    value(parser, "source", str, "SOURCE", what)
    value(parser, "--out", str, "FILE.csv", "events as a table too, each as soon as it is over")
    value(parser, "--hop-seconds", float, "S", "from clip to clip (default: half a clip)", above=0)
    threshold = "for all species (default: RUN's thresholds.json; else 0.7, of a classifier 0.5)"
    value(parser, "--threshold", float, "T", threshold, least=0)
    value(parser, "--gap-seconds", 1.0, "S", "an event may be interrupted for so long", least=0)
    value(parser, "--min-seconds", 0.0, "S", "a shorter one is none", least=0)
    value(parser, "--ring-seconds", 60.0, "S", "of sound that may wait for the network", above=0)
    value(parser, "--status-seconds", 60.0, "S", "of sound between two lines of status", above=0)
    start = "ISO time of the stream's start (default: now, but not of a file)"
    parser.add_argument("--start", type=datetime.fromisoformat, metavar="TIME", help=start)
    _add_sound(parser.add_argument_group("the sound"))


def _add_sound(group: argparse._ArgumentGroup) -> None:
    value(group, "--rate", int, "HZ", "of raw samples, or of the microphone", least=1)
    value(group, "--channels", 1, "N", "of raw samples", least=1)
    choice(group, "--format", ("s16le", "s24le", "s32le", "f32le"), "of raw samples")
    drop = (
        "standard input does not wait: forget sound that the network has no time for, and count it"
    )
    switch(group, "--drop", drop)
    idle = "a file ends when it has not grown for so long"
    value(group, "--idle-seconds", 10.0, "S", idle, above=0)
    value(group, "--device", str, "NAME", "a microphone, as `python -m sounddevice` lists them")


def run(options: argparse.Namespace) -> int:
    """Listens until the stream ends or is interrupted; JSON lines on standard output."""
    out = sys.stdout
    import_tensorflow_quietly()
    from soundscapes import EventSettings
    from student import listen_live
    from student.listen import ListeningStatus

    scorer, thresholds = _scorer(options)
    source = _source(options, scorer.sample_rate_hz)
    start = options.start
    if start is None and options.source in (MICROPHONE, STANDARD_INPUT):
        start = datetime.now(UTC)
    heard = listen_live(
        scorer,
        source,
        hop_seconds=options.hop_seconds,
        thresholds=thresholds,
        events=EventSettings(options.gap_seconds, options.min_seconds),
        ring_seconds=max(options.ring_seconds, 2 * scorer.clip_seconds),
        status_seconds=options.status_seconds,
        name=options.source,
    )
    with _table(options.out) as rows, _interrupted_by_termination():
        for one in heard:
            if isinstance(one, ListeningStatus):
                line = {"type": "status", **_rounded(asdict(one))}
            else:
                line = {"type": "event", **_rounded(asdict(one)), **_clock(start, one)}
                rows(one)
            print(json.dumps(line, ensure_ascii=False), file=out, flush=True)
    return DONE


def _scorer(options: argparse.Namespace) -> tuple[ClipScorer, float | np.ndarray]:
    """What gives scores, and from which on they count."""
    from soundscapes.run import RUN_FILE, load_classifier
    from soundscapes.thresholds_file import THRESHOLDS_FILE, load_thresholds
    from student import load_student, load_unknown_rule
    from student.listen import classifier_scorer, student_scorer
    from student.run import KIND
    from student.unknown import UNKNOWN_FILE

    folder = Path(options.listener)
    file = folder / RUN_FILE
    if not file.is_file():
        raise FileNotFoundError(
            f"No run in '{folder}'. Expected a folder that `fused-encoder student train --out` or `classify "
            f"train --out` wrote, with a file {RUN_FILE}."
        )
    kind = "student" if json.loads(file.read_text("utf-8")).get("kind") == KIND else "classifier"
    plain = PLAIN_THRESHOLD[kind] if options.threshold is None else options.threshold
    if kind == "student":
        rule = load_unknown_rule(folder) if (folder / UNKNOWN_FILE).is_file() else None
        if rule is not None and options.threshold is None:
            plain = 0.5  # what the rule lets through needs more than all other species together
        return student_scorer(load_student(folder), rule), plain
    scorer = classifier_scorer(load_classifier(folder))
    if options.threshold is None and (folder / THRESHOLDS_FILE).is_file():
        return scorer, load_thresholds(folder).of(scorer.class_names)
    return scorer, plain


def _source(options: argparse.Namespace, rate: int) -> SoundSource:
    from student import Microphone, StreamSource, growing_file

    raw: dict[str, Any] = {
        "sample_rate_hz": options.rate,
        "num_channels": options.channels,
        "sample_format": options.format,
    }
    if options.source == MICROPHONE:
        device = options.device
        named = int(device) if device is not None and device.isdigit() else device
        return Microphone(named, sample_rate_hz=options.rate or rate)
    if options.source == STANDARD_INPUT:
        return StreamSource(sys.stdin.buffer, waits=not options.drop, **raw)
    return growing_file(options.source, idle_seconds=options.idle_seconds, **raw)


@contextmanager
def _table(path: str | None) -> Iterator[Any]:
    """A function that writes an event as a row at once; to an existing table it adds."""
    if path is None:
        yield lambda event: None
        return
    from soundscapes import Event

    is_new = not Path(path).is_file() or not Path(path).stat().st_size
    with Path(path).open("a", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        if is_new:
            writer.writerow([field.name for field in fields(Event)])

        def write(event: Event) -> None:
            writer.writerow(astuple(event))
            file.flush()

        yield write


@contextmanager
def _interrupted_by_termination() -> Iterator[None]:
    """What a service is stopped with ends it like Ctrl-C."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _clock(start: datetime | None, event: Event) -> dict[str, str]:
    if start is None:
        return {}
    ends = {"start_time": event.start_seconds, "end_time": event.end_seconds}
    return {
        name: (start + timedelta(seconds=seconds)).isoformat(timespec="milliseconds")
        for name, seconds in ends.items()
    }


def _rounded(record: dict[str, Any]) -> dict[str, Any]:
    return {
        name: round(each, 4) if isinstance(each, float) else each for name, each in record.items()
    }
