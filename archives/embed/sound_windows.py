"""From blocks of sound to windows of the front end's frames: each frame once, in constant memory."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from archives.embed.settings import ArchiveSettings
from fused_encoder.front_ends.contract import FrontEndSpec
from media import SoundBlock, samples_per_cell


@dataclass(frozen=True)
class Window:
    """A stretch of sound as the encoder takes it."""

    start_sample: int  # at the rate of the front end
    start_seconds: float
    end_seconds: float
    frames: np.ndarray | None  # float32 [num_frames, size]; None if it is not to be embedded
    fault: str | None  # silent, non_finite or clipped, if it is not to be embedded
    clipped_share: float


class SoundWindows:
    """Cuts one sound, block by block.

    Blocks go in (`add_block`, `end`); pieces for the front end come out (`take_pieces`); the frames that it
    makes of them go in (`add_frames`), in the same order; windows come out (`take_windows`, or
    `window_around` for a moment of a film). Consecutive pieces overlap by what a frame hears beyond its hop,
    so borders leave no trace. Only the sound and the frames that a later window needs are kept.
    """

    def __init__(self, settings: ArchiveSettings, front_end: FrontEndSpec) -> None:
        self._settings, self._front_end = settings, front_end
        self.frames_per_window = front_end.frames_in(settings.window_seconds)
        self._samples = _Tail(np.zeros(0, np.float32))
        self._frames = _Tail(np.zeros((0, front_end.embedding_size), np.float32))
        self._is_finite = _Tail(np.zeros(0, bool))
        self._is_changing = _Tail(np.zeros(0, bool))
        self._clipped = _Tail(np.zeros(0, np.float32))
        self._next_piece = self._next_window = 0
        self._has_ended = self._is_rest_given = False

    @property
    def num_samples(self) -> int:
        """How much sound has come, at the rate of the front end."""
        return self._samples.end

    @property
    def num_seconds(self) -> float:
        """The same in seconds."""
        return self.num_samples / self._front_end.sample_rate_hz

    @property
    def num_frames(self) -> int:
        """How many frames have come."""
        return self._frames.end

    @property
    def is_framed(self) -> bool:
        """Whether all sound and all frames of it have come."""
        return self._has_ended and self.num_frames == self._frames_in_all

    @property
    def is_too_short(self) -> bool:
        """Whether all sound has come and is less than the front end takes."""
        return self._has_ended and self.num_samples < self._front_end.min_samples

    def add_block(self, block: SoundBlock) -> None:
        """The next block of the sound."""
        self._samples.add(block.waveform)
        self._is_finite.add(block.is_finite)
        self._is_changing.add(block.is_changing)
        self._clipped.add(block.clipped_share)

    def end(self) -> None:
        """No more blocks come."""
        self._has_ended = True

    def take_pieces(self) -> Iterator[np.ndarray]:
        """Sounds for the front end, float32 [num_samples]; all but the last give a batch of frames."""
        if self.is_too_short:
            return
        hop = self._front_end.hop_samples
        length = (self._front_end.windows_per_batch - 1) * hop + self._front_end.window_samples
        while True:
            start = self._next_piece * hop
            is_full = self.num_samples - start >= length
            is_last = self._has_ended and self._next_piece < self._frames_in_all
            if not (is_full or is_last):
                return
            piece = self._samples.between(start, min(start + length, self.num_samples))
            self._next_piece += self._front_end.frames_in_samples(len(piece))
            self._samples.forget(self._next_piece * hop)
            yield piece

    def add_frames(self, frames: np.ndarray) -> None:
        """The frames of the next piece, float32 [num_frames, size]."""
        self._frames.add(frames)

    def take_windows(self) -> Iterator[Window]:
        """Windows that are ready, once each: one every hop, and one for what is left over at the end."""
        length = self.frames_per_window
        while (start := self._first_frame(self._next_window)) + length <= self.num_frames:
            self._next_window += 1
            yield self._window(start, start + length)
        self._forget(min(self._first_frame(self._next_window), self.num_frames - length))
        if not self.is_framed or self._is_rest_given or self.num_frames == 0:
            return
        self._is_rest_given = True
        covered = self._first_frame(self._next_window - 1) + length if self._next_window else 0
        if covered < self.num_frames:
            yield self._window(max(0, self.num_frames - length), self.num_frames)

    def window_around(self, time_seconds: float) -> Window | None:
        """What exists of the window around a moment after the start of the sound; None where nothing does."""
        start = self._first_frame_around(time_seconds)
        first, last = max(0, start), min(start + self.frames_per_window, self.num_frames)
        return self._window(first, last) if first < last else None

    def is_ready_around(self, time_seconds: float) -> bool:
        """Whether the frames around a moment are all there, or never will be."""
        last = self._first_frame_around(time_seconds) + self.frames_per_window
        return self.is_framed or self.is_too_short or last <= self.num_frames

    def forget_before(self, time_seconds: float) -> None:
        """No window around an earlier moment will be asked for."""
        self._forget(self._first_frame_around(time_seconds))

    def _forget(self, frame: int) -> None:
        self._frames.forget(frame)
        for cells in (self._is_finite, self._is_changing, self._clipped):
            cells.forget(frame * self._front_end.hop_samples // self._cell_samples)

    @property
    def _frames_in_all(self) -> int:
        return self._front_end.frames_in_samples(self.num_samples)

    @property
    def _cell_samples(self) -> int:
        """`SoundBlock` tells of each cell of 10 ms whether it is finite, changing and clipped."""
        return samples_per_cell(self._front_end.sample_rate_hz)

    def _first_frame(self, window: int) -> int:
        # of hops shorter than a frame's several would begin at one frame: the same window again
        hop_seconds = max(self._settings.hop_seconds, self._front_end.hop_seconds)
        return round(window * hop_seconds / self._front_end.hop_seconds)

    def _first_frame_around(self, time_seconds: float) -> int:
        start_seconds = time_seconds - self._settings.window_seconds / 2
        return round(start_seconds / self._front_end.hop_seconds)

    def _window(self, first: int, last: int) -> Window:
        """The window of some frames; `last` is the first that it does not hold."""
        front_end, cell = self._front_end, self._cell_samples
        start_sample = first * front_end.hop_samples
        end_sample = (last - 1) * front_end.hop_samples + front_end.window_samples
        cells = start_sample // cell, -(-end_sample // cell)
        clipped_share = float(self._clipped.between(*cells).mean())
        fault = None
        if not self._is_finite.between(*cells).all():
            fault = "non_finite"
        elif not self._is_changing.between(*cells).any():
            fault = "silent"
        elif clipped_share > self._settings.max_clipped_share:
            fault = "clipped"
        start_seconds = start_sample / front_end.sample_rate_hz
        end_seconds = end_sample / front_end.sample_rate_hz
        if last - first == self.frames_per_window:  # frames reach a little further
            end_seconds = start_seconds + max(
                self._settings.window_seconds, front_end.window_seconds
            )
        if (self.is_framed and last == self.num_frames) or end_seconds > self.num_seconds:
            end_seconds = self.num_seconds
        frames = None if fault else self._frames.between(first, last)
        return Window(start_sample, start_seconds, end_seconds, frames, fault, clipped_share)


class _Tail:
    """The end of an array that grows; positions count from its very beginning."""

    def __init__(self, empty: np.ndarray) -> None:
        self._parts = [empty]
        self.start = self.end = 0

    def add(self, part: np.ndarray) -> None:
        self._parts.append(part)
        self.end += len(part)

    def between(self, start: int, end: int) -> np.ndarray:
        if start < self.start:
            raise IndexError(f"Position {start} is forgotten; what is kept begins at {self.start}.")
        return self._whole()[start - self.start : max(start, end) - self.start]

    def forget(self, before: int) -> None:
        before = min(before, self.end)
        if before > self.start:
            self._parts = [self._whole()[before - self.start :].copy()]
            self.start = before

    def _whole(self) -> np.ndarray:
        if len(self._parts) > 1:
            self._parts = [np.concatenate(self._parts)]
        return self._parts[0]
