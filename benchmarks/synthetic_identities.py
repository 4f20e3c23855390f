"""Embeddings of made-up individuals whose truth is known, for measuring calibration and counting.

They are points on a sphere that lie as embeddings of individuals tend to. Individuals fall into ten groups
(species, herds, places) and share half of their squared length with their group's centre, so that some
strangers resemble each other. How often an individual is seen follows Zipf's law; everyone is seen at least
once. Each individual has a noise of its own, log-normal around the difficulty's, so that a view's cosine
with its own centre is about 1 / sqrt(1 + noise^2).
"""

import numpy as np
from common import unit_length

NOISE = {"easy": 0.4, "medium": 0.6, "hard": 0.8}
EMBEDDING_SIZE = 128
NUM_GROUPS = 10
GROUP_SHARE = 0.5  # of an individual's squared length
ZIPF_EXPONENT = 0.8
NOISE_SPREAD = 0.25  # standard deviation of the logarithm


def make_identities(
    num_embeddings: int, num_identities: int, difficulty: str, *, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings of at least as many views as individuals, in random order.

    Returns:
        float32 [num_embeddings, 128], unit length, and the individual of each, int32 [num_embeddings],
        all of 0 to num_identities - 1.
    """
    rng = np.random.default_rng(seed)
    groups = unit_length(rng.standard_normal((NUM_GROUPS, EMBEDDING_SIZE)))
    own = unit_length(rng.standard_normal((num_identities, EMBEDDING_SIZE)))
    group_of = rng.integers(0, NUM_GROUPS, num_identities)
    centres = unit_length(np.sqrt(GROUP_SHARE) * groups[group_of] + np.sqrt(1 - GROUP_SHARE) * own)
    shares = np.arange(1, num_identities + 1) ** -ZIPF_EXPONENT
    further = rng.choice(num_identities, num_embeddings - num_identities, p=shares / shares.sum())
    labels = rng.permutation(np.concatenate([np.arange(num_identities), further])).astype(np.int32)
    noise = NOISE[difficulty] * np.exp(NOISE_SPREAD * rng.standard_normal(num_identities))
    directions = rng.standard_normal((num_embeddings, EMBEDDING_SIZE)) / np.sqrt(EMBEDDING_SIZE)
    views = centres[labels] + noise[labels, None] * directions
    return unit_length(views).astype(np.float32), labels
