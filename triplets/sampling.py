"""Sampling: how often each class stands in a batch."""

from __future__ import annotations

from typing import Literal

import numpy as np

Sampling = Literal["class_balanced", "square_root", "by_file"]
EXPONENTS = {"class_balanced": 0.0, "square_root": 0.5, "by_file": 1.0}


def inclusion_probabilities(
    num_files: np.ndarray, num_drawn: int, sampling: Sampling
) -> np.ndarray:
    """The probability of each class to be among the distinct ones that are drawn.

    It is in proportion to the number of a class's files ("by_file"), to its square root
    ("square_root"), or the same for all ("class_balanced"). No class can be drawn twice: one whose
    share would be above 1 is always drawn, and the others share what is left.

    Args:
        num_files: int [num_classes], each >= 1.
        num_drawn: int in [1, num_classes].
        sampling: how.

    Returns:
        float64 [num_classes] in (0, 1], whose sum is `num_drawn`.
    """
    shares = num_files.astype(np.float64) ** EXPONENTS[sampling]
    is_certain = np.zeros(len(shares), bool)
    while True:
        left = num_drawn - is_certain.sum()
        probabilities = np.where(is_certain, 1.0, left * shares / shares[~is_certain].sum())
        above = ~is_certain & (probabilities >= 1.0)
        if not above.any():
            return probabilities
        is_certain |= above
        if is_certain.all():
            return np.ones(len(shares))


def draw_distinct(probabilities: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Distinct indices, each with exactly its probability, in random order, int [num_drawn].

    Drawing one after the other without putting back would favour the small shares; here a comb with
    teeth 1 apart is laid on the shares in random order.

    Args:
        probabilities: float64 [num_classes] in (0, 1], whose sum is a whole number.
        rng: where they are drawn from.
    Reference:
        Madow, "On the theory of systematic sampling, II", 1949,
        https://doi.org/10.1214/aoms/1177729988.
    """
    certain = np.flatnonzero(probabilities >= 1.0)
    others = rng.permutation(np.flatnonzero(probabilities < 1.0))
    num_others = round(float(probabilities[others].sum()))
    edges = np.cumsum(probabilities[others])
    teeth = rng.uniform() + np.arange(num_others)
    chosen = others[np.minimum(np.searchsorted(edges, teeth, side="right"), len(others) - 1)]
    return rng.permutation(np.concatenate([certain, chosen]))


def draw_without_repeats(files: np.ndarray, num_drawn: int, rng: np.random.Generator) -> np.ndarray:
    """Files in random order, none twice before each was drawn once, int [num_drawn].

    Args:
        files: int [num_files]; none at all gives -1 (absent) throughout.
        num_drawn: int >= 1.
        rng: where they are drawn from.
    """
    if len(files) == 0:
        return np.full(num_drawn, -1)
    rounds = -(-num_drawn // len(files))
    return np.concatenate([rng.permutation(files) for _ in range(rounds)])[:num_drawn]
