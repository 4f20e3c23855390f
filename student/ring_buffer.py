"""Sound that comes by itself, kept until a network has heard it; where it is too slow, that is counted."""

from __future__ import annotations

import threading

import numpy as np


class RingBuffer:
    """The last seconds of a stream: one thread writes, another takes clips that overlap.

    Its memory never grows. A full one either lets the writer wait, for sound that waits elsewhere (a file, a
    pipe), or forgets its oldest sound, for sound that does not (a microphone).

    Args:
        capacity: int, samples that are kept; at least a clip and a hop.
        waits: whether the writer waits when it is full.
    """

    def __init__(self, capacity: int, *, waits: bool) -> None:
        self._samples = np.zeros(capacity, np.float32)
        self._waits = waits
        self._written = self._next = self._heard_until = 0
        self._is_closed = False
        self._error: Exception | None = None
        self._changed = threading.Condition()
        self.dropped_samples = 0
        """Those that were forgotten before any clip held them."""

    @property
    def num_samples(self) -> int:
        """All that were ever written."""
        return self._written

    def write(self, samples: np.ndarray) -> None:
        """Puts float32 [num_samples] behind what is there; nothing once it is closed."""
        capacity = len(self._samples)
        while len(samples):
            with self._changed:
                if self._waits:
                    self._changed.wait_for(lambda: self._free > 0 or self._is_closed)
                if self._is_closed:
                    return
                part = samples[: self._free if self._waits else capacity]
                start = self._written % capacity
                first = min(len(part), capacity - start)
                self._samples[start : start + first] = part[:first]
                self._samples[: len(part) - first] = part[first:]
                self._written += len(part)
                self._changed.notify_all()
            samples = samples[len(part) :]

    def close(self, error: Exception | None = None) -> None:
        """No more will come; `next_clip` raises the error, if there is one, after the last clip."""
        with self._changed:
            self._is_closed, self._error = True, error or self._error
            self._changed.notify_all()

    def next_clip(self, length: int, hop: int) -> tuple[int, np.ndarray] | None:
        """Waits for the next clip, `hop` samples after the one before, or later where sound was forgotten.

        Returns:
            Where it begins, int; and its samples, float32 [length]. The last clip is the stream's last
            `length` samples, or all where there are fewer. None: there was a last one.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._written >= self._next + length or self._is_closed)
            oldest = self._written - len(self._samples)
            if oldest > self._next:
                self._next += -(-(oldest - self._next) // hop) * hop
                self.dropped_samples += max(0, self._next - self._heard_until)
                self._heard_until = max(self._heard_until, self._next)
            first, end = self._next, self._next + length
            if self._written < end:
                if self._written <= self._heard_until:
                    if self._error is not None:
                        raise self._error
                    return None
                end = self._written
            clip = self._copy(max(0, oldest, end - length), end)
            self._next, self._heard_until = first + hop, end
            self._changed.notify_all()
            return first, clip

    @property
    def _free(self) -> int:
        return len(self._samples) - (self._written - self._next)

    def _copy(self, first: int, end: int) -> np.ndarray:
        capacity = len(self._samples)
        start, length = first % capacity, end - first
        head = self._samples[start : start + length]
        return np.concatenate([head, self._samples[: length - len(head)]])
