"""From the logits of overlapping clips to those of the moments of a recording, and of its segments."""

from __future__ import annotations

import numpy as np

_TOLERANCE = 1e-6  # of a moment: smaller overlaps are rounding


class MomentGrid:
    """Averages what overlapping clips say of the same moments, in constant memory.

    Clips go in (`add`) in the order of their starts; what no later clip can change comes out
    (`take_before`), and the rest at the end (`take_rest`). A clip whose moments lie askew to the grid counts
    by how much it overlaps each.

    Args:
        seconds_per_moment: float > 0.
        num_classes: int >= 1.
    """

    def __init__(self, seconds_per_moment: float, num_classes: int) -> None:
        self._step = seconds_per_moment
        self._sums = np.zeros((0, num_classes))
        self._weights = np.zeros(0)
        self._first = 0  # moment of the first row

    def add(self, start_seconds: float, seconds_per_time: float, logits: np.ndarray) -> None:
        """What one clip says.

        Args:
            start_seconds: float, of the clip.
            seconds_per_time: float > 0, length of each of its moments.
            logits: float [num_times, num_classes].
        """
        edges = (start_seconds + seconds_per_time * np.arange(len(logits) + 1)) / self._step
        first = max(self._first, int(edges[0] + _TOLERANCE))
        last = int(np.ceil(edges[-1] - _TOLERANCE))
        if last <= first:
            return
        moments = np.arange(first, last)[:, None]
        overlaps = np.minimum(edges[1:], moments + 1) - np.maximum(edges[:-1], moments)
        overlaps[overlaps < _TOLERANCE] = 0
        self._grow(last - self._first)
        rows = slice(first - self._first, last - self._first)
        self._sums[rows] += overlaps @ logits
        self._weights[rows] += overlaps.sum(axis=1)

    def take_before(self, seconds: float) -> np.ndarray:
        """The moments that end before a time, float32 [num_moments, num_classes]; NaN without a clip."""
        return self._take(max(0, int(seconds / self._step + _TOLERANCE) - self._first))

    def take_rest(self, end_seconds: float) -> np.ndarray:
        """What is left up to the end of the recording, as `take_before`."""
        return self._take(max(0, int(np.ceil(end_seconds / self._step - _TOLERANCE)) - self._first))

    def _take(self, num: int) -> np.ndarray:
        self._grow(num)
        sums, weights = self._sums[:num], self._weights[:num]
        means = np.full(sums.shape, np.nan, np.float32)
        np.divide(
            sums, weights[:, None], out=means, where=weights[:, None] > 0, casting="same_kind"
        )
        self._sums, self._weights = self._sums[num:].copy(), self._weights[num:].copy()
        self._first += num
        return means

    def _grow(self, num: int) -> None:
        more = num - len(self._weights)
        if more > 0:
            self._sums = np.pad(self._sums, ((0, more), (0, 0)))
            self._weights = np.pad(self._weights, (0, more))


class SegmentScores:
    """The highest score of each class in each segment, from moments that come in their order.

    A moment belongs to the segment in which its middle lies. Moments are at most as long as segments.

    Args:
        seconds_per_moment: float > 0.
        segment_seconds: float >= seconds_per_moment.
        num_classes: int >= 1.
    """

    def __init__(self, seconds_per_moment: float, segment_seconds: float, num_classes: int) -> None:
        self._step, self._segment_seconds = seconds_per_moment, segment_seconds
        self._scores = np.full((0, num_classes), np.nan, np.float32)
        self._num_moments = 0

    def add(self, scores: np.ndarray) -> None:
        """The next moments, float32 [num_moments, num_classes]; NaN where nothing was heard."""
        middles = (self._num_moments + np.arange(len(scores)) + 0.5) * self._step
        segments = (middles / self._segment_seconds).astype(int)
        self._num_moments += len(scores)
        if len(segments) and segments[-1] >= len(self._scores):
            self._grow(max(segments[-1] + 1, len(self._scores) * 5 // 4))
        for segment in np.unique(segments):
            best = np.fmax.reduce(scores[segments == segment], axis=0)
            np.fmax(self._scores[segment], best, out=self._scores[segment])

    def take(self, num_segments: int) -> np.ndarray:
        """float32 [num_segments, num_classes]; NaN where nothing was heard."""
        if num_segments > len(self._scores):
            self._grow(num_segments)
        return self._scores[:num_segments]

    def _grow(self, num_segments: int) -> None:
        grown = np.full((num_segments, self._scores.shape[1]), np.nan, np.float32)
        grown[: len(self._scores)] = self._scores
        self._scores = grown


def moment_seconds(seconds_per_time: float, segment_seconds: float) -> float:
    """The length of moments on the common grid: those of the network, or equal parts of longer ones.

    Example:
        >>> moment_seconds(0.5, 5.0), moment_seconds(12.0, 5.0)
        (0.5, 4.0)
    """
    return seconds_per_time / np.ceil(seconds_per_time / segment_seconds - _TOLERANCE)
