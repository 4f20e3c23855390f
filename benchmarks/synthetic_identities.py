"""Embeddings of made-up individuals whose truth is known, for measuring calibration, grouping and counting.

No animal and no encoder is behind them: they are points on a sphere that lie as embeddings of individuals
tend to. Individuals fall into ten groups (species, herds, places) and share half of their squared length
with their group's centre, so that some strangers resemble each other. How often an individual is seen
follows Zipf's law; everyone is seen at least once. Each individual has a noise of its own, log-normal
around the difficulty's, so that a view's cosine with its own centre is about 1 / sqrt(1 + noise^2).

    >>> embeddings, labels = make_identities(1_000, 100, "hard", seed=1)
    >>> embeddings.shape, len(set(labels.tolist()))
    ((1000, 128), 100)
"""

from __future__ import annotations

from typing import Literal

import numpy as np

Difficulty = Literal["easy", "medium", "hard"]
NOISE: dict[Difficulty, float] = {"easy": 0.4, "medium": 0.6, "hard": 0.8}
EMBEDDING_SIZE = 128
NUM_GROUPS = 10
GROUP_SHARE = 0.5  # of an individual's squared length
ZIPF_EXPONENT = 0.8
NOISE_SPREAD = 0.25  # standard deviation of the logarithm


def make_identities(
    num_embeddings: int, num_identities: int, difficulty: Difficulty, *, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of so many individuals, in random order.

    Args:
        num_embeddings: int >= num_identities.
        num_identities: int >= 1.
        difficulty: "easy", "medium" or "hard".
        seed: int; the same seed gives the same embeddings.

    Returns:
        float32 [num_embeddings, 128], unit length, and the individual of each, int32 [num_embeddings], all
        of 0 to num_identities - 1.

    Raises:
        ValueError: fewer embeddings than individuals, or no such difficulty.
    """
    if not 1 <= num_identities <= num_embeddings or difficulty not in NOISE:
        raise ValueError(
            "Expected 1 <= num_identities <= num_embeddings and a difficulty of "
            f"{', '.join(NOISE)}; received {num_identities}, {num_embeddings} and {difficulty!r}."
        )
    rng = np.random.default_rng(seed)
    centres = _centres(num_identities, rng)
    labels = _labels(num_embeddings, num_identities, rng)
    noise = NOISE[difficulty] * np.exp(NOISE_SPREAD * rng.standard_normal(num_identities))
    directions = rng.standard_normal((num_embeddings, EMBEDDING_SIZE)) / np.sqrt(EMBEDDING_SIZE)
    views = centres[labels] + noise[labels, None] * directions
    return _unit_length(views).astype(np.float32), labels


def _centres(num_identities: int, rng: np.random.Generator) -> np.ndarray:
    groups = _unit_length(rng.standard_normal((NUM_GROUPS, EMBEDDING_SIZE)))
    own = _unit_length(rng.standard_normal((num_identities, EMBEDDING_SIZE)))
    group_of = rng.integers(0, NUM_GROUPS, num_identities)
    return _unit_length(np.sqrt(GROUP_SHARE) * groups[group_of] + np.sqrt(1 - GROUP_SHARE) * own)


def _labels(num_embeddings: int, num_identities: int, rng: np.random.Generator) -> np.ndarray:
    shares = np.arange(1, num_identities + 1) ** -ZIPF_EXPONENT
    further = rng.choice(num_identities, num_embeddings - num_identities, p=shares / shares.sum())
    return rng.permutation(np.concatenate([np.arange(num_identities), further])).astype(np.int32)


def _unit_length(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
