"""Many channels to one while they pass: what `mix_down` decides over a file, decided once at its start."""

from collections import deque
from collections.abc import Iterator
from itertools import chain

import numpy as np

from media.mixing import ChannelPowers, cancelling_note, mean_of_channels

_HEARD_SECONDS = 30
_MOST_WAITING_SECONDS = 600


class StreamMixer:
    """Mixes down block by block.

    Whether the channels cancel is judged once, by the first 30 seconds that are not digital
    silence, and kept to the end: one recording has one wiring, and a change of channel within it
    would be a seam. A recording without 30 such seconds is judged by all of it, as `mix_down` does;
    after ten minutes of mostly silence by what came. Until then the blocks wait in memory (11.5 MB
    at 48 kHz stereo).

    Attributes:
        note: None, or what `mix_down_with_note` would say; known once the first mixed block is.
    """

    def __init__(self, num_channels: int) -> None:
        self.note: str | None = None
        self._num_channels = num_channels

    def mix(self, seconds: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        """Float32 [num_samples, num_channels], one second each, to float32 [num_samples]."""
        if self._num_channels == 1:
            yield from map(mean_of_channels, seconds)
            return
        for second in seconds:
            if second.any():
                seconds = chain([second], seconds)
                break
            yield mean_of_channels(second)
        waiting, channel = self._listen(seconds)
        while waiting:
            yield _mixed(waiting.popleft(), channel)
        for second in seconds:
            yield _mixed(second, channel)

    def _listen(self, seconds: Iterator[np.ndarray]) -> tuple[deque[np.ndarray], int | None]:
        waiting: deque[np.ndarray] = deque()
        powers = ChannelPowers(self._num_channels)
        num_heard = 0
        while num_heard < _HEARD_SECONDS and len(waiting) < _MOST_WAITING_SECONDS:
            second = next(seconds, None)
            if second is None:
                break
            powers.add(second, mean_of_channels(second))
            is_silent = bool((second == second[0]).all())
            num_heard += not is_silent
            # Silence waits without taking room.
            waiting.append(np.broadcast_to(second[0].copy(), second.shape) if is_silent else second)
        channel = powers.channel_to_use()
        if channel is not None:
            self.note = cancelling_note(self._num_channels, channel)
        return waiting, channel


def _mixed(samples: np.ndarray, channel: int | None) -> np.ndarray:
    return mean_of_channels(samples) if channel is None else samples[:, channel].copy()
