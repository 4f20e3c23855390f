"""The logistic curve: log-odds as a straight line over similarity."""

from __future__ import annotations

import numpy as np
from scipy.special import expit

MAX_STEPS = 100
TOLERANCE = 1e-10


def fit_logistic(
    similarity: np.ndarray, target: np.ndarray, weight: np.ndarray
) -> tuple[float, float]:
    """Slope >= 0 and intercept of the most likely logistic curve, by Newton's method.

    Args:
        similarity: float64 [num].
        target: float64 [num] in (0, 1): where none is 0 or 1, the best curve is finite even if the classes
            can be told apart perfectly.
        weight: float64 [num] >= 0.

    Returns:
        slope and intercept; (0, log-odds of the mean target) where a larger similarity makes a match no
        more likely.
    """
    weight = weight / weight.sum()
    centre = float(weight @ similarity)
    scale = float(np.sqrt(weight @ (similarity - centre) ** 2))
    mean = float(weight @ target)
    level = np.log(mean / (1 - mean))
    standard = (similarity - centre) / scale if scale > 1e-9 else np.zeros_like(similarity)
    if weight @ (standard * (target - mean)) <= 0:  # the slope's gradient at slope 0
        return 0.0, float(level)
    design = np.stack([standard, np.ones_like(standard)], axis=1)
    line = np.array([0.0, level])
    loss = _loss(design @ line, target, weight)
    for _ in range(MAX_STEPS):
        probability = expit(design @ line)
        gradient = design.T @ (weight * (probability - target))
        curvature = (design * (weight * probability * (1 - probability))[:, None]).T @ design
        step = np.linalg.solve(curvature + 1e-12 * np.eye(2), gradient)
        size = 1.0
        while (
            after := _loss(design @ (line - size * step), target, weight)
        ) > loss and size > 1e-6:
            size /= 2
        line = line - size * step
        if loss - after < TOLERANCE:
            break
        loss = after
    return float(line[0] / scale), float(line[1] - line[0] * centre / scale)


def _loss(log_odds: np.ndarray, target: np.ndarray, weight: np.ndarray) -> float:
    return float(weight @ (np.logaddexp(0, log_odds) - target * log_odds))
