"""Confound probes: what the circumstances of recordings alone tell of their classes."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from media import UnreadableMediaError, load_waveform, probe_audio
from soundscapes.recordings import LabelledRecordings
from triplets.splits import content_source

logger = logging.getLogger(__name__)

HEADER_CONDITIONS = ("sample_rate_hz", "duration_seconds")
CONDITIONS = (*HEADER_CONDITIONS, "loudness_db", "bandwidth_hz", "noise_floor_db")

_SUSPICIOUS = 0.15  # above the most frequent class
_MAX_SECONDS = 30.0
_BANDWIDTH_SHARE = 0.99
_QUIET_QUANTILE = 0.1
_FRAME = 2048
_SILENCE = 1e-10


@dataclass(frozen=True)
class ConfoundProbe:
    """How well a decision tree names classes from what no animal has to do with.

    Attributes:
        accuracy: of all conditions together, share of recordings named rightly by trees that were not
            trained on their sources.
        by_condition: likewise of each condition alone.
        majority: share of the most frequent class: what knowing nothing gives.
        num_recordings: that could be measured.
    """

    accuracy: float
    by_condition: dict[str, float]
    majority: float
    num_recordings: int

    @property
    def is_suspicious(self) -> bool:
        """Whether a classifier may have learnt recorders in place of species."""
        return self.accuracy >= self.majority + _SUSPICIOUS

    def in_words(self) -> str:
        """One paragraph, with advice where it is suspicious."""
        told = ", ".join(f"{_WORDS[name]} {share:.2f}" for name, share in self.by_condition.items())
        text = (
            f"Confounds: without any sound of an animal, a decision tree names {self.accuracy:.2f} of "
            f"{self.num_recordings} recordings rightly (the most frequent class is {self.majority:.2f}); "
            f"alone: {told}."
        )
        if self.is_suspicious:
            text += (
                " A classifier may learn recorders in place of species: compare with one that hears the "
                "lowest common band (`--common-band` of `classify train` and `student train`), and test "
                "it on other recorders."
            )
        return text


_WORDS = {
    "sample_rate_hz": "sample rate",
    "duration_seconds": "duration",
    "loudness_db": "loudness",
    "bandwidth_hz": "bandwidth",
    "noise_floor_db": "noise floor",
}


def confound_probe(
    recordings: LabelledRecordings,
    *,
    headers_only: bool = False,
    num_folds: int = 5,
    seed: int = 0,
) -> ConfoundProbe | None:
    """What sample rate, duration, loudness, bandwidth and noise floor alone tell of the classes.

    For every classifier's report: its accuracy means little where these tell nearly as much.

    Args:
        recordings: all labelled ones; their sources stay together in every fold.
        headers_only: only sample rate and duration, without decoding.
        num_folds: int >= 2.
        seed: of folds and trees.

    Returns:
        None where there is nothing to compare: fewer than two classes, or no class with two sources.
    """
    measured = [(one, conditions_of(one.path, headers_only=headers_only)) for one in recordings]
    known = [(one, values) for one, values in measured if values is not None]
    if not known:
        return None
    classes = np.array([one.primary for one, _ in known])
    sources = [one.source or content_source(one.path) for one, _ in known]
    values = np.array([values for _, values in known])
    names = HEADER_CONDITIONS if headers_only else CONDITIONS
    return probe_conditions(values, names, classes, sources, num_folds=num_folds, seed=seed)


def probe_conditions(
    values: np.ndarray,
    names: Sequence[str],
    classes: np.ndarray,
    sources: Sequence[str],
    *,
    num_folds: int = 5,
    seed: int = 0,
) -> ConfoundProbe | None:
    """`confound_probe` of circumstances that are known already.

    Args:
        values: float [num_recordings, num_conditions].
        names: of `CONDITIONS`, one for each column.
        classes: int [num_recordings].
        sources: what each recording comes from.
        num_folds: int >= 2.
        seed: of folds and trees.

    Returns:
        As `confound_probe`.
    """
    folds = _folds(classes, sources, num_folds, seed)
    if not folds:
        return None
    return ConfoundProbe(
        _accuracy(values, classes, folds, seed),
        {
            name: _accuracy(values[:, [column]], classes, folds, seed)
            for column, name in enumerate(names)
        },
        float(np.bincount(classes).max() / len(classes)),
        len(classes),
    )


def conditions_of(path: str | Path, *, headers_only: bool = False) -> tuple[float, ...] | None:
    """The circumstances of a recording, in the order of `CONDITIONS`; None where it cannot be read.

    - sample rate in Hz and duration in seconds, as the header says;
    - loudness: root mean square of the first 30 s in dB of full scale;
    - bandwidth: below it lies 99 % of the power, in Hz;
    - noise floor: the tenth percentile of the loudness of windows of 2048 samples, in dB.
    """
    try:
        info = probe_audio(path)
        rate, seconds = info.sample_rate_hz, info.duration_seconds
        if headers_only:
            return (float(rate), seconds if seconds is not None else -1.0)
        sound = load_waveform(path, sample_rate_hz=rate, max_seconds=_MAX_SECONDS)
    except (UnreadableMediaError, FileNotFoundError) as error:
        logger.warning("Left out of the confound probe: '%s': %s", path, error)
        return None
    frames = sound[: max(len(sound) // _FRAME, 1) * _FRAME]
    frames = np.resize(frames, (max(len(frames) // _FRAME, 1), _FRAME))
    power = (frames.astype(np.float64) ** 2).mean(axis=1)
    spectrum = (np.abs(np.fft.rfft(frames * np.hanning(_FRAME), axis=1)) ** 2).sum(axis=0)
    below = np.cumsum(spectrum)
    bandwidth = np.searchsorted(below, _BANDWIDTH_SHARE * below[-1]) * rate / _FRAME
    return (
        float(rate),
        len(sound) / rate if seconds is None else seconds,
        _decibels(float(power.mean())),
        float(bandwidth),
        _decibels(float(np.quantile(power, _QUIET_QUANTILE))),
    )


def _decibels(power: float) -> float:
    return float(10 * np.log10(max(power, _SILENCE)))


_Folds = list[tuple[np.ndarray, np.ndarray]]


def _folds(classes: np.ndarray, sources: Sequence[str], num_folds: int, seed: int) -> _Folds:
    from sklearn.model_selection import StratifiedGroupKFold

    num_folds = min(num_folds, len(set(sources)))
    if len(np.unique(classes)) < 2 or num_folds < 2 or np.bincount(classes).max() < num_folds:
        return []
    splitter = StratifiedGroupKFold(num_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():  # that classes have fewer recordings than there are folds
        warnings.simplefilter("ignore", UserWarning)
        return list(splitter.split(classes, classes, sources))


def _accuracy(values: np.ndarray, classes: np.ndarray, folds: _Folds, seed: int) -> float:
    from sklearn.tree import DecisionTreeClassifier

    hits = np.zeros(len(classes), bool)
    for training, held_out in folds:
        tree = DecisionTreeClassifier(min_samples_leaf=2, random_state=seed)
        tree.fit(values[training], classes[training])
        hits[held_out] = tree.predict(values[held_out]) == classes[held_out]
    return float(hits.mean())
