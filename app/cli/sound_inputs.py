"""Labelled recordings and how they are heard, as several actions of `classify` are told of them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.mel_options import add_mel_settings, mel_settings
from app.cli.options import switch, value

if TYPE_CHECKING:
    from soundscapes.recordings import LabelledRecordings
    from soundscapes.run import HearingSource

COMMON_BAND = (
    "hear all files, to train on and to test, at the lowest sample rate among them: no recorder is known by "
    "where its sound ends"
)
MOST_BARS, NUM_RAREST, BAR_LENGTH = 30, 5, 40


def add_recordings(parser: argparse.ArgumentParser) -> None:
    """Labelled recordings: a folder with one sub-folder per species, or a table."""
    group = parser.add_argument_group("labelled recordings")
    folder = "recordings, one sub-folder per species; with --table, where its file names start from"
    value(group, "recordings", str, "RECORDINGS", folder, nargs="?")
    table = (
        ".csv, .parquet or .xlsx in place of sub-folders: primary_label, filename, and optional "
        "secondary_labels, rating, latitude, longitude, source or author (train.csv of BirdCLEF)"
    )
    value(group, "--table", str, "FILE", table)
    source = (
        "what recordings come from (a recordist, a tape, an outing): '^(.*)_' is what stands before the "
        "last '_' of their names; or 'folder' for <species>/<source>/<file>; or a column of the table. "
        "Recordings of one source stay together in every split"
    )
    value(group, "--source", str, "REGEX", source)
    value(group, "--min-rating", 0.0, "R", "leave out recordings that were rated lower", least=0)


def add_hearing(parser: argparse.ArgumentParser) -> None:
    """`--front-end`, `--store`, and how spectrograms are made."""
    group = parser.add_argument_group("how recordings are heard")
    front_end = (
        "birdnet (its weights forbid commercial use), perch, yamnet, or a path, on which a small head is "
        "trained; or mel: spectrograms, on which a network for pictures is"
    )
    value(group, "--front-end", "birdnet", "NAME|PATH", front_end)
    store = (
        "where frames are kept, such as the --out of `classify spectrograms` (default: the cache)"
    )
    value(group, "--store", str, "DIR", store)
    switch(group, "--common-band", COMMON_BAND)
    add_mel_settings(parser)


def labelled_recordings(options: argparse.Namespace) -> LabelledRecordings:
    """The recordings that `add_recordings` names. Needs no TensorFlow.

    Raises:
        FileNotFoundError, ValueError: there are none, or they cannot be used.
    """
    from soundscapes.recording_table import read_recordings
    from soundscapes.recordings import scan_recordings
    from triplets import source_by_pattern

    if options.table is not None:
        return read_recordings(
            options.table,
            options.recordings,
            source=options.source,
            min_rating=options.min_rating,
        )
    if options.recordings is None:
        raise ValueError(
            "Expected a folder of recordings or --table FILE, received neither. For example: "
            "fused-encoder classify train songs/ --out run"
        )
    source = options.source
    by_name = source if source in (None, "folder") else source_by_pattern(source)
    return scan_recordings(options.recordings, source_of=by_name)


def unlabelled_recordings(inputs: Sequence[str]) -> list[Path]:
    """The recordings among files and folders.

    Raises:
        ValueError: there are none.
    """
    from archives.embed.sources import find_sources
    from media import AUDIO_EXTENSIONS

    found = [source.path for source in find_sources(inputs, None).sources]
    recordings = [path for path in found if path.suffix.lower() in AUDIO_EXTENSIONS]
    if not recordings:
        raise ValueError(f"No recording in {' '.join(inputs)} (--unlabelled). Correct the path.")
    return recordings


def hearing_source(options: argparse.Namespace, recordings: LabelledRecordings) -> HearingSource:
    """How the front end of `add_hearing` is found; all recordings share the band where that was asked."""
    from soundscapes.run import HearingSource

    name = options.front_end
    if name == "mel":
        hearing = HearingSource("mel", mel_settings(options))
    else:
        hearing = HearingSource(str(Path(name).absolute()) if Path(name).exists() else name)
    if options.common_band:
        hearing = hearing.in_common_band(recordings)
        rate = hearing.band_rate_hz or (hearing.mel and hearing.mel.sample_rate_hz) or 0
        print(f"Common band: below {rate / 2:g} Hz.")
    return hearing


def distribution(recordings: LabelledRecordings) -> str:
    """How many recordings the species have: the most frequent as bars, the rarest by name."""
    ordered = sorted(recordings.counts.items(), key=lambda item: (-item[1], item[0]))
    width = max(len(name) for name, _ in ordered[:MOST_BARS])
    most = ordered[0][1]
    bars = [
        f"{name.ljust(width)} {'█' * max(1, round(BAR_LENGTH * count / most))} {count}"
        for name, count in ordered[:MOST_BARS]
    ]
    rest = len(ordered) - MOST_BARS
    more = [f"... and {rest} species with fewer"] if rest > 0 else []
    rarest = ", ".join(f"{name} ({count})" for name, count in reversed(ordered[-NUM_RAREST:]))
    head = f"{len(recordings)} recordings of {len(ordered)} species:"
    return "\n".join([head, *bars, *more, f"Rarest: {rarest}"])
