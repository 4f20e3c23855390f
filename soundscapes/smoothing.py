"""What a whole recording, its place and its species say of one segment: scores after the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from soundscapes.priors import Cooccurrence, SiteHourPrior

HEAVY_KERNEL = (0.1, 0.2, 0.4, 0.2, 0.1)


@dataclass(frozen=True)
class Smoothing:
    """Which steps are taken with the scores of a recording's segments. All are off by default.

    The steps are taken in the order of the attributes. Thresholds that were certified without them do not
    hold for smoothed scores; certify them on scores that were smoothed alike.

    Args:
        kernel: weights of an odd number of neighbouring segments, such as `HEAVY_KERNEL`; None: off.
        neighbour_share: float in [0, 1), a of (1-a)p + a/2 (before + after); 0: off.
        num_top: int >= 0, each class is multiplied by the mean of its so many highest segments, such as
            2; 0: off.
        max_power: float >= 0, each class is multiplied by its highest segment to this power, such
            as 0.4; 0: off.
        cooccurrence: which species are heard together, from `fit_cooccurrence`; None: off.
        site_hour: which species are heard where and when, from `fit_site_hour_prior`; None: off.

    Raises:
        ValueError: a value out of its range.
    """

    kernel: tuple[float, ...] | None = None
    neighbour_share: float = 0.0
    num_top: int = 0
    max_power: float = 0.0
    cooccurrence: Cooccurrence | None = None
    site_hour: SiteHourPrior | None = None

    def __post_init__(self) -> None:
        if self.kernel is not None and (len(self.kernel) % 2 == 0 or min(self.kernel) < 0):
            raise ValueError(
                f"Expected a kernel of an odd number of weights >= 0, received {list(self.kernel)}."
            )
        if not 0 <= self.neighbour_share < 1:
            raise ValueError(
                f"Expected neighbour_share in [0, 1), received {self.neighbour_share}."
            )
        if self.num_top < 0 or not self.max_power >= 0:
            raise ValueError(
                f"Expected num_top and max_power >= 0, received {self.num_top} and {self.max_power}."
            )

    @property
    def steps(self) -> tuple[str, ...]:
        """The steps that are taken, in order."""
        is_on = {
            "kernel": self.kernel is not None,
            "neighbour_share": self.neighbour_share > 0,
            "num_top": self.num_top > 0,
            "max_power": self.max_power > 0,
            "cooccurrence": self.cooccurrence is not None,
            "site_hour": self.site_hour is not None,
        }
        return tuple(step for step, is_taken in is_on.items() if is_taken)

    @property
    def breaks_calibration(self) -> tuple[str, ...]:
        """The steps after which a score of 0.8 no longer means 8 in 10, even if it did before.

        Averages over neighbours leave the mean score of a recording nearly as it was; the others do not.
        """
        return tuple(step for step in self.steps if step not in ("kernel", "neighbour_share"))


def smooth_scores(
    scores: npt.ArrayLike,
    smoothing: Smoothing,
    *,
    site: str | None = None,
    hour: int | None = None,
) -> np.ndarray:
    """The scores of one recording's segments after all steps.

    Args:
        scores: float [num_segments, num_classes] in [0, 1], in the order of time; NaN where nothing was
            heard.
        smoothing: which steps.
        site: where it was recorded; None where it is not known.
        hour: int in [0, 24), of its start; None where it is not known.

    Returns:
        float32 [num_segments, num_classes] in [0, 1]; NaN where it was.
    """
    smooth = np.asarray(scores, np.float32)
    if smoothing.kernel is not None:
        smooth = average_neighbours(smooth, smoothing.kernel)
    if smoothing.neighbour_share:
        half = smoothing.neighbour_share / 2
        smooth = average_neighbours(smooth, (half, 1 - 2 * half, half))
    if smoothing.num_top:
        smooth = scale_by_top(smooth, smoothing.num_top)
    if smoothing.max_power:
        smooth = scale_by_max(smooth, smoothing.max_power)
    if smoothing.cooccurrence is not None:
        smooth = smoothing.cooccurrence.apply(smooth)
    if smoothing.site_hour is not None:
        smooth = smoothing.site_hour.apply(smooth, site=site, hour=hour)
    return smooth


def average_neighbours(scores: npt.ArrayLike, kernel: Sequence[float] = HEAVY_KERNEL) -> np.ndarray:
    """Each segment averaged with its neighbours, for a species sings on: p'[t] = sum over k of w[k] p[t+k].

    Where there is no neighbour, at the edges and where nothing was heard, the segment stands in for it. With
    the kernel (a/2, 1-a, a/2) this is (1-a)p + a/2 (before + after).

    Args:
        scores: float [num_segments, num_classes].
        kernel: an odd number of weights; they are brought to a sum of 1.

    Returns:
        float32 [num_segments, num_classes].

    (0.1, 0.2, 0.4, 0.2, 0.1) and (0.2, 0.6, 0.2) are customary in BirdCLEF. What each gains or loses
    here is in docs/results.md.
    """
    values = np.asarray(scores, np.float32)
    weights = np.asarray(kernel, np.float32) / np.sum(kernel)
    reach = len(weights) // 2
    padded = np.pad(values, ((reach, reach), (0, 0)), constant_values=np.nan)
    smooth = np.zeros_like(values)
    for step, weight in enumerate(weights):
        neighbour = padded[step : step + len(values)]
        smooth += weight * np.where(np.isnan(neighbour), values, neighbour)
    return smooth


def scale_by_top(scores: npt.ArrayLike, num_top: int = 2) -> np.ndarray:
    """Each class multiplied by the mean of its highest segments: a species heard twice is more credible.

    Args:
        scores: float [num_segments, num_classes] of one recording.
        num_top: int >= 1, how many segments; of fewer, all.

    Returns:
        float32 [num_segments, num_classes]. Breaks calibration.

    Reference:
        Sydorskyi & Gonçalves, Tackling domain shift in bird audio classification, CLEF 2025 working notes
        (2nd of BirdCLEF+ 2025), https://ceur-ws.org/Vol-4038/paper_256.pdf: "TopN" postprocessing.
    """
    values = np.asarray(scores, np.float32)
    ordered = np.sort(np.where(np.isnan(values), -np.inf, values), axis=0)[::-1][:num_top]
    is_known = np.isfinite(ordered)
    sums, counts = np.where(is_known, ordered, 0).sum(axis=0), is_known.sum(axis=0)
    return values * (sums / np.maximum(counts, 1)).astype(np.float32)


def scale_by_max(scores: npt.ArrayLike, power: float = 0.4) -> np.ndarray:
    """Each class multiplied by its highest segment to a power: p'[t] = p[t] * max(p)**power.

    Args:
        scores: float [num_segments, num_classes] of one recording.
        power: float >= 0.

    Returns:
        float32 [num_segments, num_classes]. Breaks calibration.

    A power of 0.4 is customary in BirdCLEF.
    """
    values = np.asarray(scores, np.float32)
    if not len(values):
        return values
    highest = np.nan_to_num(np.fmax.reduce(values, axis=0))
    return values * highest**power
