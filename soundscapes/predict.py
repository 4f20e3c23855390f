"""`predict_recordings`: who sings in recordings of any length, and when, written as tables."""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from archives.embed.embed_sources import Decoding
from archives.embed.rows import FileRow
from archives.embed.sources import Source, find_sources
from inference.export import library_versions
from media.atomic import write_text_atomically
from soundscapes.classifier import SoundClassifier
from soundscapes.ensemble import combine_scores, common_classes
from soundscapes.events import EventFinder, EventSettings
from soundscapes.listening import listen, moment_length
from soundscapes.outputs import PredictionWriter, SpeciesCount
from soundscapes.prediction_settings import PredictionSettings
from soundscapes.recording_scores import RecordingScores
from soundscapes.smoothing import Smoothing, smooth_scores
from soundscapes.thresholds import SpeciesThresholds

PREDICTION_FILE = "prediction.json"
SiteHourOf = Callable[[str], tuple[str | None, int | None]]
"""Where and at what hour a recording was made, by its name."""


Shown = Iterator[tuple[RecordingScores, RecordingScores]]
"""What is counted of each recording, and what stands in its tables."""


@dataclass(frozen=True)
class PredictionSummary:
    """What a run of prediction came to.

    Attributes:
        folder: of the tables.
        rows: what became of each file.
        counts: of each species, how often it was above its threshold.
        breaks_calibration: what was done to the scores after which they are no probabilities.
    """

    folder: Path
    rows: tuple[FileRow, ...]
    counts: Mapping[str, SpeciesCount]
    breaks_calibration: tuple[str, ...]

    @property
    def by_status(self) -> Counter[str]:
        """How many files there are of each status."""
        return Counter(row.status for row in self.rows)

    @property
    def not_whole(self) -> list[FileRow]:
        """The files of which something, or all, could not be heard."""
        return [row for row in self.rows if not row.is_whole]


def predict_recordings(
    classifiers: SoundClassifier | Sequence[SoundClassifier],
    inputs: Sequence[str | Path],
    out: str | Path,
    *,
    species: Sequence[str] | None = None,
    settings: PredictionSettings | None = None,
    smoothing: Smoothing | None = None,
    thresholds: SpeciesThresholds | float = 0.5,
    events: EventSettings | None = None,
    site_hour_of: SiteHourOf | None = None,
    decoding: Decoding | None = None,
    progress: bool = False,
    watch: Callable[[str, float], None] | None = None,
) -> PredictionSummary:
    """Listens to recordings and writes who is heard in them, and when.

    A file that cannot be used, or crashes its decoder, is a row of `files.csv` that says why; the run goes
    on. Memory does not grow with the length of recordings, but for their segments. Stretches in which
    nothing can be heard (silence, NaN) have empty scores, never zeros.

    Args:
        classifiers: one, or an ensemble that knows the same classes.
        inputs: recordings, and folders that are walked.
        out: folder; made if it is not there. `files.csv` (what became of each file), `submission.csv`
            (filename, predicted_species, confidence), `birdclef.csv` (row_id, a column per species),
            `segments.parquet`, `recordings.parquet`, `events.csv`, `events.parquet`, `species.csv` (counts
            above the thresholds), `confidence.csv`, label files in `raven/` and `audacity/`, and
            `prediction.json`, what all this was made with.
        species: those that are listened for. Default: all that the classifier knows.
        settings: how recordings are cut, and how scores are made of what the networks say.
        smoothing: what is done to the scores of segments. Events rest on scores that are not smoothed.
            Default: nothing.
        thresholds: from `certify_thresholds`, or one for all. A species that could not be certified has the
            published one.
        events: when moments above the threshold are one event.
        site_hour_of: for the prior of `smoothing`.
        decoding: how many processes decode, and how long a file may give nothing.
        progress: whether to show a bar.
        watch: called with a recording and the seconds of it that were heard, about once a minute of sound;
            what it raises ends the run.

    Returns:
        What became of each file, and how often each species was heard.

    Raises:
        ValueError: there is nothing to listen to; the classifiers or the thresholds know other classes, or
            do not know the species.
        OSError: `out` cannot be written to.

    Example:
        >>> summary = predict_recordings(classifier, ["cards/0512"], "heard")
        >>> [row.file for row in summary.not_whole]
        ['cards/0512/20230514_053000.WAV']
    """
    ensemble = [classifiers] if isinstance(classifiers, SoundClassifier) else list(classifiers)
    settings, smoothing = settings or PredictionSettings(), smoothing or Smoothing()
    sources, refused = _find_recordings(inputs)
    names = tuple(species or ensemble[0].class_names)
    common_classes([one.class_names for one in ensemble], species)  # before anything is written
    levels = (
        thresholds.of(names)
        if isinstance(thresholds, SpeciesThresholds)
        else np.full(len(names), thresholds)
    )
    step = moment_length(ensemble, settings)
    finders: dict[str, EventFinder] = {}

    def take_moments(file: str, scores: np.ndarray) -> None:
        if file not in finders:
            finders[file] = EventFinder(file, names, step, levels, events)
        finders[file].add(scores)
        if watch is not None:
            watch(file, finders[file].seconds)

    def smoothed(scores: RecordingScores) -> RecordingScores:
        if not smoothing.steps:
            return scores
        site, hour = site_hour_of(scores.file) if site_hour_of else (None, None)
        segments = smooth_scores(scores.segments, smoothing, site=site, hour=hour)
        return replace(scores, segments=segments)

    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    files = [source.name for source in sources]
    heard = listen(
        ensemble,
        sources,
        species=species,
        settings=settings,
        decoding=decoding,
        take_moments=take_moments,
    )
    shown: Shown = ((one, one) for one in _counted(heard, len(sources), is_shown=progress))
    if settings.ensemble == "rank" and len(ensemble) > 1:
        shown = _ranked([one for one, _ in shown])
    with PredictionWriter(folder, files, names, levels, settings.segment_seconds) as writer:
        for scores, tabled in shown:
            finder = finders.pop(scores.file, None)
            found = finder.finish(scores.row.decoded_seconds or 0.0) if finder else []
            writer.write(scores, found, smoothed(tabled))
            rows.append(scores.row)
        for row in refused:
            writer.write(_unheard(row, len(names)), [])
            rows.append(row)
    broken = smoothing.breaks_calibration
    if settings.ensemble != "mean" and len(ensemble) > 1:
        broken = (f"ensemble {settings.ensemble}", *broken)
    record = {
        "class_names": list(names),
        "classifiers": [one.front_end.name for one in ensemble],
        "front_ends": [one.front_end.fingerprint for one in ensemble],
        "settings": asdict(settings),
        "events": asdict(events or EventSettings()),
        "seconds_per_moment": step,
        "smoothing": list(smoothing.steps),
        "breaks_calibration": list(broken),
        "thresholds": dict(zip(names, levels.tolist(), strict=True)),
        "certified": isinstance(thresholds, SpeciesThresholds),
        "versions": library_versions(),
    }
    text = json.dumps(record, ensure_ascii=False, indent=1)
    write_text_atomically(folder / PREDICTION_FILE, text)
    return PredictionSummary(folder, tuple(rows), writer.counts, broken)


def _find_recordings(inputs: Sequence[str | Path]) -> tuple[list[Source], list[FileRow]]:
    """The recordings, and what was typed and is none."""
    found = find_sources(inputs, None)
    recordings = [source for source in found.sources if source.kind == "recording"]
    refused = dict(found.refused)
    typed = {str(Path(given)) for given in inputs}
    refused |= {
        source.name: f"not a recording, but {source.kind}; only recordings are listened to"
        for source in found.sources
        if source.kind != "recording" and source.name in typed
    }
    if not recordings:
        told = "".join(f"\n  {name}: {reason}" for name, reason in refused.items())
        raise ValueError(f"No recording in {' '.join(map(str, inputs))}.{told}")
    return recordings, [
        FileRow(name, "unknown", "unreadable", reason) for name, reason in refused.items()
    ]


def _unheard(row: FileRow, num_classes: int) -> RecordingScores:
    nothing = np.full((0, num_classes), np.nan, np.float32)
    return RecordingScores(row.file, row, (), nothing, np.full(num_classes, np.nan, np.float32))


def _counted(
    heard: Iterator[RecordingScores], total: int, *, is_shown: bool
) -> Iterator[RecordingScores]:
    seconds = 0.2 if sys.stderr.isatty() else 30.0  # in a log file, where each update is a line
    return iter(tqdm(heard, total=total, unit="file", disable=not is_shown, mininterval=seconds))


def _ranked(heard: list[RecordingScores]) -> Shown:
    """Each with the mean ranks of its segments, and of itself, among all of the run."""
    if not heard:
        return
    segments = combine_scores(
        [
            np.concatenate(each)
            for each in zip(*(one.segments_of_each for one in heard), strict=True)
        ],
        "rank",
    )
    recordings = combine_scores(
        [np.stack(each) for each in zip(*(one.recording_of_each for one in heard), strict=True)],
        "rank",
    )
    starts = np.cumsum([0, *(len(one.segments) for one in heard)])
    for number, one in enumerate(heard):
        own = segments[starts[number] : starts[number + 1]]
        yield one, replace(one, segments=own, recording=recordings[number])
