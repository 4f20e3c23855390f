"""An archive in numbers: how much of each kind there is, and how it is spread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from archives.survey.records import Kind, SurveyedFile


@dataclass(frozen=True)
class Spread:
    """How a quantity is spread over files: smallest, median, largest, and their sum."""

    smallest: float
    median: float
    largest: float
    total: float


@dataclass(frozen=True)
class KindTotals:
    """All files of one kind.

    Attributes:
        num_files: of the kind, by their names.
        num_bytes: of all of them.
        formats: content to number of files; None where it could not be told.
        durations: in seconds, of those that tell; None for photos.
        sample_rates_hz: rate to number of files.
        channels: number of channels to number of files.
        bits: bits per sample to number of files.
        sizes: (width, height) to number of files.
        frame_rates: frames per second to number of files.
        num_with_sound: of videos.
    """

    num_files: int
    num_bytes: int
    formats: dict[str | None, int]
    durations: Spread | None
    sample_rates_hz: dict[int, int]
    channels: dict[int, int]
    bits: dict[int, int]
    sizes: dict[tuple[int, int], int]
    frame_rates: dict[float, int]
    num_with_sound: int


def totals_of(files: Iterable[SurveyedFile], kind: Kind) -> KindTotals:
    """The numbers of one kind of files.

    Args:
        files: of any kind.
        kind: which of them count.
    """
    chosen = [file for file in files if file.kind == kind]
    return KindTotals(
        num_files=len(chosen),
        num_bytes=sum(file.num_bytes for file in chosen),
        formats=_counted([file.format for file in chosen], keeps_none=True),
        durations=_spread([file.duration_seconds for file in chosen if file.duration_seconds]),
        sample_rates_hz=_counted([file.sample_rate_hz for file in chosen]),
        channels=_counted([file.num_channels for file in chosen]),
        bits=_counted([file.bits_per_sample for file in chosen]),
        sizes=_counted([(f.width, f.height) if f.width and f.height else None for f in chosen]),
        frame_rates=_counted(
            [round(f.frames_per_second, 2) if f.frames_per_second else None for f in chosen]
        ),
        num_with_sound=sum(bool(file.has_sound) for file in chosen),
    )


def not_read(files: Iterable[SurveyedFile]) -> dict[str, int]:
    """Files of kinds that are never read, by their ending ("" for none), most frequent first.

    Args:
        files: of any kind.
    """
    return _counted([file.path.suffix.lower() for file in files if file.kind == "other"])


def faults_by_kind(files: Iterable[SurveyedFile]) -> dict[str, list[SurveyedFile]]:
    """The files with each kind of fault, most frequent first.

    Args:
        files: of any kind.
    """
    kinds: dict[str, list[SurveyedFile]] = {}
    for file in files:
        for kind in dict.fromkeys(fault.kind for fault in file.faults):
            kinds.setdefault(kind, []).append(file)
    return dict(sorted(kinds.items(), key=lambda item: -len(item[1])))


def _counted(values: Sequence, *, keeps_none: bool = False) -> dict:
    counts: Counter[Hashable] = Counter(v for v in values if keeps_none or v is not None)
    return dict(counts.most_common())


def _spread(values: Sequence[float]) -> Spread | None:
    if not values:
        return None
    return Spread(min(values), float(np.median(values)), max(values), float(sum(values)))
