"""Pictures of a calibration: its curve, how far probabilities are off, and false-match rates."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from inference.calibrate.calibration import Calibration
from inference.calibrate.certified import CannotCertifyError, UnknownScores, upper_bound
from inference.calibrate.pair_calibration import PairCalibration

INK, CURVE, LINE, BAND = "#222222", "#2b6a99", "#b3362b", "#c9dcea"
ROW_HEIGHT, WIDTH = 3.3, 11.5


def plot_calibration(calibration: Calibration, confidence: float = 0.95) -> Figure:
    """A row for each pair pattern: probability, reliability, and false-match rate of unknown animals."""
    num = max(len(calibration.pairs), 1)
    figure = Figure(figsize=(WIDTH, ROW_HEIGHT * num), layout="constrained")
    grid = figure.subplots(num, 3, squeeze=False)
    for row, (pattern, pair) in zip(grid, calibration.pairs.items(), strict=False):
        _plot_curve(row[0], pattern, pair)
        _plot_reliability(row[1], pair)
        _plot_unknown(row[2], calibration, pattern, confidence)
    if not calibration.is_identity_disjoint:
        figure.suptitle(
            "Fitted on individuals that the encoder was trained on: too good for others", color=LINE
        )
    return figure


def _plot_curve(axes: Axes, pattern: str, pair: PairCalibration) -> None:
    similarity = np.linspace(-1, 1, 401)
    axes.plot(similarity, pair.probability(similarity), color=CURVE, label=f"shown ({pair.method})")
    if pair.knots:
        logistic = PairCalibration(pair.slope, pair.intercept).probability(similarity)
        axes.plot(similarity, logistic, color=INK, linestyle=":", label="logistic, for grouping")
    axes.set(
        title=f"{pattern}: {pair.num_individuals} individuals",
        xlabel="similarity",
        ylabel="probability of one individual",
        ylim=(-0.02, 1.02),
        xlim=_shown_range(pair),
    )
    axes.legend(fontsize=8, loc="upper left")


def _shown_range(pair: PairCalibration) -> tuple[float, float]:
    """The similarities between which the log-odds go from -9 to 9, within [-1, 1]."""
    if pair.slope <= 0:
        return -1.0, 1.0
    low, high = ((odds - pair.intercept) / pair.slope for odds in (-9, 9))
    return max(low, -1.0), max(min(high, 1.0), max(low, -1.0) + 0.1)


def _plot_reliability(axes: Axes, pair: PairCalibration) -> None:
    axes.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=":")
    axes.set(xlabel="probability that was shown", ylabel="share of one individual", aspect="equal")
    if pair.error is None:
        axes.set_title("too few individuals to hold out")
        return
    shown, share, weight = np.array(pair.error.reliability).reshape(-1, 3).T
    axes.scatter(shown, share, s=20 + 400 * weight, color=CURVE, alpha=0.6, clip_on=False)
    axes.set_title(f"held out: error {pair.error.expected_calibration_error:.3f}")


def _plot_unknown(axes: Axes, calibration: Calibration, pattern: str, confidence: float) -> None:
    axes.set(xlabel="threshold on similarity", ylabel="false-match rate")
    unknowns = calibration.pairs[pattern].unknowns
    if unknowns is None:
        axes.set_title("no unknown animals")
        return
    thresholds, rates, bounds = _rates(unknowns, confidence)
    axes.fill_between(
        thresholds, rates, bounds, step="post", color=BAND, label="to the upper bound"
    )
    axes.step(thresholds, rates, where="post", color=CURVE, label="seen")
    axes.set_yscale("log")
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_ylim(0.5 / len(unknowns.scores), 1.3)
    axes.set_title(f"{len(unknowns.scores)} unknown animals, {unknowns.num_gallery} in the gallery")
    try:
        certified = calibration.strictest_threshold(confidence, pattern)
    except CannotCertifyError:
        axes.legend(fontsize=8, title="nothing can be certified", title_fontsize=8)
        return
    label = f"certified at {certified.similarity:.3f}:\nat most {certified.false_match_rate:g}"
    axes.axvline(certified.similarity, color=LINE, label=label)
    axes.axhline(certified.false_match_rate, color=LINE, linewidth=0.8, linestyle=":")
    axes.legend(fontsize=8, loc="lower left")


def _rates(unknowns: UnknownScores, confidence: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """At each score as a threshold: the share of unknown animals above it, and its upper bound."""
    scores = np.array(unknowns.scores)
    num = len(scores)
    above = num - np.searchsorted(scores, scores, side="right")
    bounds = np.array([upper_bound(int(events), num, confidence) for events in above])
    return scores, above / num, bounds
