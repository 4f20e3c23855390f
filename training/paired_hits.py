"""Paired hits: ways of asking compared over the same photos or recordings, with an interval."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from inference.metrics import bootstrap_interval


@dataclass(frozen=True)
class Comparison:
    """One way of asking beside photo and call together, over the same photos or recordings.

    Every photo (or recording) counts once, however many pairs it is in.
    """

    per: str  # "photo" or "recording", what counts once
    name: str  # the way of asking; see `ask_all_ways`
    precision_at_1: float  # in [0, 1], mean over photos or recordings
    difference: float  # in [-1, 1], the precision of photo and call together less this one's
    difference_low: float  # of its 95 % bootstrap interval over sources; NaN for fewer than two
    difference_high: float
    num: int  # photos or recordings
    num_sources: int = 0  # that these come from; fewer than 20 make the interval too narrow


@dataclass(frozen=True)
class PairedHits:
    """Which query pairs each way of asking answered rightly: what comparisons are made of."""

    per: str  # "photo" or "recording", what counts once
    hits: dict[str, np.ndarray]  # by way, float [num_pairs]; NaN: unanswerable
    units: np.ndarray  # int [num_pairs], each pair's photo or recording
    sources: np.ndarray  # str [num_pairs], what that comes from

    def compared(self) -> list[Comparison]:
        """Each way beside the first one."""
        return paired_rows(self.hits, tuple(self.hits), self.per, self.units, self.sources)


def pooled(splits: Sequence[PairedHits]) -> PairedHits:
    """The hits of several splits of the same files as one, each photo (recording) counted in each split.

    An interval still resamples sources, so that to ask the same photo in ten splits makes none narrower.
    """
    named = [[(number, unit) for unit in split.units] for number, split in enumerate(splits)]
    units = np.unique(np.concatenate(named), axis=0, return_inverse=True)[1].reshape(-1)
    hits = {name: np.concatenate([split.hits[name] for split in splits]) for name in splits[0].hits}
    sources = np.concatenate([split.sources for split in splits])
    return PairedHits(splits[0].per, hits, units, sources)


def paired_rows(
    hits: Mapping[str, np.ndarray],
    names: tuple[str, ...],
    per: str,
    units: np.ndarray,
    sources: np.ndarray,
) -> list[Comparison]:
    """Compares ways of asking with the first one, unit by unit.

    Args:
        hits: of each way whether each pair was answered rightly, float [num_pairs]; NaN: unanswerable.
        names: ways to compare; those without hits are left out.
        per: "photo" or "recording".
        units: int [num_pairs], each pair's photo or recording.
        sources: str [num_pairs], what that comes from.
    """
    is_known = ~np.isnan(hits[names[0]])
    first, unit = np.unique(units[is_known], return_index=True, return_inverse=True)[1:]
    counts, source = np.bincount(unit), sources[is_known][first]
    by_unit = {
        name: np.bincount(unit, weights=hits[name][is_known]) / counts
        for name in names
        if name in hits
    }
    rows = []
    for name, values in by_unit.items():
        differences = by_unit[names[0]] - values
        low = high = float("nan")
        if len(np.unique(source)) > 1:
            low, high = bootstrap_interval(differences, source)
        mean, difference = float(values.mean()), float(differences.mean())
        num_sources = len(np.unique(source))
        rows.append(Comparison(per, name, mean, difference, low, high, len(values), num_sources))
    return rows
