"""Random generators by name, so that one more photo never changes another."""

from zlib import crc32

import numpy as np


def generator_for(seed: int, *names: str | int) -> np.random.Generator:
    """A random generator that depends on the seed and on the names, and on nothing else.

    Args:
        seed: int >= 0, the seed of the whole aviary.
        names: what the generator is for, from the large to the small: ("ember_finch", 2, "photo", 7).
    Returns:
        The same generator, in the same state, for the same arguments.
    """
    key = [crc32(name.encode()) if isinstance(name, str) else name for name in names]
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=tuple(key)))
