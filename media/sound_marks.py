"""Where a recording is no number, no sound, or clipped, by hundredths of a second."""

import math
from dataclasses import dataclass

import numpy as np

CELL_SECONDS = 0.01
CLIPPED_RUN = 3
"""Two equal samples at full scale happen to a loud tone; three or more are a flattened top."""


def samples_per_cell(sample_rate_hz: int) -> int:
    """How many samples of a waveform one cell of marks covers: 160 at 16 kHz.

    A whole number, so that cells never drift against the waveform; at rates that are no multiple of
    100 Hz a cell is therefore not exactly `CELL_SECONDS` long.
    """
    return max(1, round(CELL_SECONDS * sample_rate_hz))


@dataclass(frozen=True)
class CellMarks:
    """Marks of cells that follow each other.

    Attributes:
        is_finite: bool [num_cells].
        is_changing: bool [num_cells].
        clipped_share: float32 [num_cells] in [0, 1].
    """

    is_finite: np.ndarray
    is_changing: np.ndarray
    clipped_share: np.ndarray


class SoundMarker:
    """Looks at the samples of a source as they pass, and keeps marks on the grid of the target.

    A cell's samples are those whose time falls into it. How the samples are cut into blocks leaves
    no trace: runs that cross from one block into the next count whole.

    Args:
        source_rate_hz: int > 0, of the samples that pass.
        target_rate_hz: int > 0, of the waveform that the marks belong to.
        clipping_level: amplitude from which on equal samples are clipped ones.
    """

    def __init__(self, source_rate_hz: int, target_rate_hz: int, clipping_level: float) -> None:
        self._not_finite = _CellCounts(source_rate_hz, target_rate_hz)
        self._changed = _CellCounts(source_rate_hz, target_rate_hz)
        self._clipped = _CellCounts(source_rate_hz, target_rate_hz)
        self._clipping_level = clipping_level
        self._tail: np.ndarray | None = None  # its last two samples wait for those that follow
        self._num_waiting = 0

    def add(self, samples: np.ndarray, is_finite: np.ndarray | None) -> None:
        """The next samples.

        Args:
            samples: float32 [num_samples, num_channels], with 0 where they were not finite.
            is_finite: bool [num_samples]; None where all are.
        """
        if len(samples) == 0:
            return
        num_samples = len(samples)
        self._not_finite.add(None if is_finite is None else ~is_finite, num_samples)
        before = samples[:1] if self._tail is None else self._tail[-1:]
        self._changed.add(_differs_from_the_one_before(samples, before), num_samples)
        self._look_for_clipping(samples)

    @property
    def num_ready_cells(self) -> int:
        """How many cells have passed whole and can be taken."""
        return self._clipped.num_whole_cells

    def take(self, num_cells: int) -> CellMarks:
        """The marks of the next cells, of those that are ready."""
        clipped, num_samples = self._clipped.take(num_cells)
        return CellMarks(
            is_finite=self._not_finite.take(num_cells)[0] == 0,
            is_changing=self._changed.take(num_cells)[0] > 0,
            clipped_share=(clipped / np.maximum(1, num_samples)).astype(np.float32),
        )

    def finish(self, num_cells: int) -> None:
        """No more samples come; the waveform has this many cells left, all of which are ready now."""
        if self._num_waiting and self._tail is not None:
            self._decide_on_clipping(self._tail, self._num_waiting, num_following=0)
        for counts in (self._not_finite, self._changed, self._clipped):
            counts.finish(num_cells)

    def _look_for_clipping(self, samples: np.ndarray) -> None:
        """Whether a sample is clipped, the two on either side of it tell."""
        reach = CLIPPED_RUN - 1
        known = samples if self._tail is None else np.concatenate([self._tail, samples])
        num_open = self._num_waiting + len(samples)
        self._num_waiting = min(reach, num_open)
        self._decide_on_clipping(known, num_open, num_following=self._num_waiting)
        self._tail = known[-2 * reach :].copy()

    def _decide_on_clipping(self, known: np.ndarray, num_open: int, num_following: int) -> None:
        num_decided = num_open - num_following
        if num_decided == 0:
            return
        first = len(known) - num_open
        is_clipped = _is_clipped(known, self._clipping_level)
        if is_clipped is not None:
            is_clipped = is_clipped[first : first + num_decided]
        self._clipped.add(is_clipped, num_decided)


class _CellCounts:
    """How many samples of each cell have something, while they pass."""

    def __init__(self, source_rate_hz: int, target_rate_hz: int) -> None:
        length = samples_per_cell(target_rate_hz) * source_rate_hz
        common = math.gcd(length, target_rate_hz)
        # A cell is this fraction of source samples long.
        self._numerator, self._denominator = length // common, target_rate_hz // common
        self._position = 0
        self._first_cell = 0
        self._counts = np.zeros(0, dtype=np.int64)

    @property
    def num_whole_cells(self) -> int:
        return self._cell_of(self._position) - self._first_cell

    def add(self, flags: np.ndarray | None, num_samples: int) -> None:
        """Flags as bool [num_samples]; None where not one sample has it."""
        first = self._cell_of(self._position)
        last = self._cell_of(self._position + num_samples - 1)
        self._grow_to(last + 1)
        if flags is not None:
            starts = self._starts(first, last + 1) - self._position
            starts[0] = 0
            counts = np.add.reduceat(flags, np.minimum(starts, num_samples - 1), dtype=np.int64)
            counts[:-1][starts[1:] == starts[:-1]] = 0  # a cell shorter than a sample may be empty
            self._counts[first - self._first_cell :] += counts
        self._position += num_samples

    def take(self, num_cells: int) -> tuple[np.ndarray, np.ndarray]:
        """The counts of the next cells, and the number of samples in each."""
        counts = self._counts[:num_cells]
        starts = self._starts(self._first_cell, self._first_cell + num_cells + 1)
        self._first_cell += num_cells
        self._counts = self._counts[num_cells:]
        return counts, np.diff(np.minimum(starts, self._position))

    def finish(self, num_cells: int) -> None:
        """As many cells as the waveform has: rounding may make it one more or one less."""
        self._grow_to(self._first_cell + num_cells)
        if 0 < num_cells < len(self._counts):
            self._counts[num_cells - 1] += self._counts[num_cells:].sum()
            self._counts = self._counts[:num_cells]

    def _grow_to(self, end_cell: int) -> None:
        num_missing = end_cell - self._first_cell - len(self._counts)
        if num_missing > 0:
            self._counts = np.append(self._counts, np.zeros(num_missing, dtype=np.int64))

    def _cell_of(self, sample: int) -> int:
        return sample * self._denominator // self._numerator

    def _starts(self, first_cell: int, end_cell: int) -> np.ndarray:
        cells = np.arange(first_cell, end_cell, dtype=np.int64)
        return -(-cells * self._numerator // self._denominator)


def _differs_from_the_one_before(samples: np.ndarray, before: np.ndarray) -> np.ndarray:
    differs = np.zeros(len(samples), dtype=bool)
    for channel in range(samples.shape[1]):
        differs[0] |= bool(samples[0, channel] != before[0, channel])
        differs[1:] |= samples[1:, channel] != samples[:-1, channel]
    return differs


def _is_clipped(samples: np.ndarray, level: float) -> np.ndarray | None:
    """Whether any channel is: bool [num_samples]; None where not one sample is."""
    if len(samples) < CLIPPED_RUN or max(samples.max(), -samples.min()) < level:
        return None
    is_equal = samples[1:] == samples[:-1]
    is_start = is_equal[1:] & is_equal[:-1] & (np.abs(samples[:-2]) >= level)
    starts = is_start.any(axis=1)
    is_clipped = np.zeros(len(samples), dtype=bool)
    for step in range(CLIPPED_RUN):
        is_clipped[step : step + len(starts)] |= starts
    return is_clipped
