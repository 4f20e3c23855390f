"""Pieces of sound of any length, handed on in pieces of the length wanted."""

from collections.abc import Iterator

import numpy as np


class Pieces:
    """What has come and was not taken yet; its length is that of all together."""

    def __init__(self) -> None:
        self._pieces: list[np.ndarray] = []
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def append(self, piece: np.ndarray) -> None:
        """Put behind the others."""
        self._pieces.append(piece)
        self._length += len(piece)

    def take(self, length: int) -> np.ndarray:
        """The first so many samples, or all if there are fewer (but at least one piece)."""
        joined = self._pieces[0] if len(self._pieces) == 1 else np.concatenate(self._pieces)
        rest = joined[length:]
        self._pieces = [rest] if len(rest) else []
        self._length = len(rest)
        return joined[:length]


def regroup(pieces: Iterator[np.ndarray], length: int) -> Iterator[np.ndarray]:
    """The same samples, so many at a time; the last may be fewer.

    Args:
        pieces: float [num_samples, ...] each, of any length.
        length: int > 0.
    Yields:
        float [length, ...].
    """
    waiting = Pieces()
    for piece in pieces:
        waiting.append(piece)
        while len(waiting) >= length:
            yield waiting.take(length)
    if len(waiting):
        yield waiting.take(length)
