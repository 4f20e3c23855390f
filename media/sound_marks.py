"""Where a recording is no number, no sound, or clipped, by hundredths of a second."""

import math
from collections.abc import Iterable, Iterator
from itertools import chain, pairwise

import numpy as np

CELL_SECONDS = 0.01
CLIPPED_RUN = 3
"""Two equal samples at full scale happen to a loud tone; three or more are a flattened top."""

FINITE, CHANGING, CLIPPED = range(3)
"""Columns of the marks: 1 or 0, 1 or 0, share of the cell."""

Group = tuple[np.ndarray, np.ndarray]


def samples_per_cell(sample_rate_hz: int) -> int:
    """How many samples of a waveform one cell of marks covers: 160 at 16 kHz.

    A whole number, so that cells never drift against the waveform; at rates that are no multiple of
    100 Hz a cell is therefore not exactly `CELL_SECONDS` long.
    """
    return max(1, round(CELL_SECONDS * sample_rate_hz))


def starts_of_cells(source_rate_hz: int, target_rate_hz: int) -> tuple[np.ndarray, int]:
    """The grid on which marks are made: about a second of whole cells, of whole samples.

    A cell of the target's waveform is commonly no whole number of the source's samples; but so many
    cells together are.

    Returns:
        int [num_cells], the sample of the source at which each cell of such a group starts; and how
        many samples the group has.
    """
    numerator = samples_per_cell(target_rate_hz) * source_rate_hz
    common = math.gcd(numerator, target_rate_hz)
    numerator, num_cells = numerator // common, target_rate_hz // common
    num_groups = math.ceil(source_rate_hz / numerator)
    cells = np.arange(num_groups * num_cells, dtype=np.int64)
    return -(-cells * numerator // num_cells), num_groups * numerator


def mark_cells(
    groups: Iterable[np.ndarray], starts: np.ndarray, clipping_level: float
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Looks at the samples of a source as they pass.

    A cell's samples are those whose time falls into it. How the samples are cut into groups leaves
    no trace: runs that cross from one group into the next count whole.

    Args:
        groups: float32 [num_samples, num_channels] each, as long as `starts_of_cells` says; the last
            may be shorter.
        starts: of the cells, by `starts_of_cells`.
        clipping_level: amplitude from which on equal samples are clipped ones.
    Yields:
        The samples, with 0 where they are not finite; and float32 [num_cells, 3], for each cell
        whether all of it is finite, whether any of it differs from the sample before, and which
        share of it is clipped in any channel.
    """
    reach = CLIPPED_RUN - 1
    before: np.ndarray | None = None
    checked = map(_without_nan, groups)
    for current, following in pairwise(chain(checked, [None])):
        if current is None:
            break
        samples, is_finite = current
        before = samples[:0] if before is None else before
        behind = samples[:0] if following is None else following[0][:reach]
        known = np.concatenate([before, samples, behind])
        own = slice(len(before), len(before) + len(samples))
        inside = starts[starts < len(samples)]
        num_samples = np.maximum(1, np.diff(inside, append=len(samples)))
        marks = np.empty((len(inside), 3), dtype=np.float32)
        marks[:, FINITE] = np.logical_and.reduceat(is_finite, inside)
        marks[:, CHANGING] = np.logical_or.reduceat(_changes(known)[own], inside)
        is_clipped = _is_clipped(known, clipping_level)[own]
        marks[:, CLIPPED] = np.add.reduceat(is_clipped, inside, dtype=np.int64) / num_samples
        before = known[: own.stop][-reach:]
        yield samples, marks


def _without_nan(samples: np.ndarray) -> Group:
    if math.isfinite(float(samples.max()) - float(samples.min())):
        return samples, np.ones(len(samples), dtype=bool)
    is_finite = np.isfinite(samples)
    return np.where(is_finite, samples, np.float32(0)), is_finite.all(axis=1)


def _changes(samples: np.ndarray) -> np.ndarray:
    """Whether any channel differs from the sample before; a recording's first counts as equal."""
    differs = np.zeros(len(samples), dtype=bool)
    for channel in range(samples.shape[1]):
        differs[1:] |= samples[1:, channel] != samples[:-1, channel]
    return differs


def _is_clipped(samples: np.ndarray, level: float) -> np.ndarray:
    """Whether any channel is: bool [num_samples]."""
    is_clipped = np.zeros(len(samples), dtype=bool)
    if len(samples) < CLIPPED_RUN or max(samples.max(), -samples.min()) < level:
        return is_clipped
    is_equal = samples[1:] == samples[:-1]
    is_start = is_equal[1:] & is_equal[:-1] & (np.abs(samples[:-2]) >= level)
    starts = is_start.any(axis=1)
    for step in range(CLIPPED_RUN):
        is_clipped[step : step + len(starts)] |= starts
    return is_clipped
