"""From blocks of sound to windows of YAMNet frames: each frame computed once, memory that does not grow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from archives.embed.settings import ArchiveSettings
from fused_encoder.front_ends.audio_batches import WINDOWS_PER_BATCH
from fused_encoder.front_ends.audio_sequence import (
    AUDIO_SEQUENCE_SIZE,
    FRAME_HOP_SECONDS,
    FRAME_SECONDS,
    MIN_SECONDS,
    frames_in,
    frames_in_samples,
)
from fused_encoder.front_ends.log_mel import PATCH_HOP_SAMPLES, PATCH_SAMPLES, SAMPLE_RATE_HZ
from media import SoundBlock

CELL_SAMPLES = SAMPLE_RATE_HZ // 100
"""`SoundBlock` tells of each 10 ms whether it is finite, changing and clipped."""
_PIECE_SAMPLES = (WINDOWS_PER_BATCH - 1) * PATCH_HOP_SAMPLES + PATCH_SAMPLES


@dataclass(frozen=True)
class Window:
    """A stretch of sound as the encoder takes it.

    Attributes:
        first_frame: int, its first YAMNet frame; frames are 0.48 s apart.
        start_seconds: float, where it begins.
        end_seconds: float, where it ends.
        frames: float32 [num_frames, 1024]; None where it is not to be embedded.
        fault: silent, non_finite or clipped, where it is not to be embedded.
        clipped_share: float in [0, 1], of its samples.
    """

    first_frame: int
    start_seconds: float
    end_seconds: float
    frames: np.ndarray | None
    fault: str | None
    clipped_share: float

    @property
    def start_sample(self) -> int:
        """Where it begins, at 16 kHz: exact, however long the recording."""
        return self.first_frame * PATCH_HOP_SAMPLES


class SoundWindows:
    """Cuts one sound, block by block.

    Blocks go in (`add_block`, `end`); pieces for YAMNet come out (`take_pieces`); what YAMNet makes of
    them goes in (`add_frames`), in the same order; windows come out (`take_windows`, or `window_around`
    for a moment of a film). Consecutive pieces overlap by half a frame, so that no border leaves a trace;
    of sound and frames only what a later window needs is kept.

    Args:
        settings: how long windows are, and how far apart.
    """

    def __init__(self, settings: ArchiveSettings) -> None:
        self._settings = settings
        self.frames_per_window = frames_in(settings.window_seconds)
        self._samples = _Tail(np.zeros(0, np.float32))
        self._frames = _Tail(np.zeros((0, AUDIO_SEQUENCE_SIZE), np.float32))
        self._is_finite = _Tail(np.zeros(0, bool))
        self._is_changing = _Tail(np.zeros(0, bool))
        self._clipped = _Tail(np.zeros(0, np.float32))
        self._next_piece = self._next_window = 0
        self._has_ended = self._is_rest_given = False

    @property
    def num_samples(self) -> int:
        """How much sound has come, at 16 kHz."""
        return self._samples.end

    @property
    def num_frames(self) -> int:
        """How many frames YAMNet has made of it."""
        return self._frames.end

    @property
    def is_heard(self) -> bool:
        """Whether all sound has come and YAMNet has heard it all."""
        return self._has_ended and self.num_frames == frames_in_samples(self.num_samples)

    @property
    def is_too_short(self) -> bool:
        """Whether all sound has come and is less than YAMNet can make sense of."""
        return self._has_ended and self.num_samples < MIN_SECONDS * SAMPLE_RATE_HZ

    def add_block(self, block: SoundBlock) -> None:
        """The next block of the sound."""
        self._samples.add(block.waveform)
        self._is_finite.add(block.is_finite)
        self._is_changing.add(block.is_changing)
        self._clipped.add(block.clipped_share)

    def end(self) -> None:
        """No block comes any more."""
        self._has_ended = True

    def take_pieces(self) -> Iterator[np.ndarray]:
        """Sounds for YAMNet that are ready, float32 [num_samples]; all but the last give 64 frames."""
        if self.is_too_short:
            return
        while True:
            start = self._next_piece * PATCH_HOP_SAMPLES
            is_full = self.num_samples - start >= _PIECE_SAMPLES
            is_last = self._has_ended and self._next_piece < frames_in_samples(self.num_samples)
            if not (is_full or is_last):
                return
            piece = self._samples.between(start, min(start + _PIECE_SAMPLES, self.num_samples))
            self._next_piece += frames_in_samples(len(piece))
            self._samples.forget(self._next_piece * PATCH_HOP_SAMPLES)
            yield piece

    def add_frames(self, frames: np.ndarray) -> None:
        """What YAMNet made of the next piece, float32 [num_frames, 1024]."""
        self._frames.add(frames)

    def take_windows(self) -> Iterator[Window]:
        """Windows that are ready: one every hop, and one at the very end where sound would be left over.

        However often it is called, each window comes once.
        """
        length = self.frames_per_window
        while (start := self._turn(self._next_window)) + length <= self.num_frames:
            self._next_window += 1
            yield self._window(start, start + length)
        self.forget(min(self._turn(self._next_window), self.num_frames - length))
        is_all = self.is_heard and not self.is_too_short and self.num_frames > 0
        if not is_all or self._is_rest_given:
            return
        self._is_rest_given = True
        covered = self._turn(self._next_window - 1) + length if self._next_window else 0
        if covered < self.num_frames:
            yield self._window(max(0, self.num_frames - length), self.num_frames)

    def window_around(self, time_seconds: float) -> Window | None:
        """The window whose middle is nearest to a moment: what exists of it; None where nothing does.

        Args:
            time_seconds: float, from the start of the sound.
        """
        start = self._first_frame_around(time_seconds)
        first, last = max(0, start), min(start + self.frames_per_window, self.num_frames)
        return self._window(first, last) if first < last else None

    def is_ready_around(self, time_seconds: float) -> bool:
        """Whether the frames around a moment are all there, or never will be."""
        last = self._first_frame_around(time_seconds) + self.frames_per_window
        return self.is_heard or self.is_too_short or last <= self.num_frames

    def forget_before(self, time_seconds: float) -> None:
        """No window around an earlier moment will be asked for."""
        self.forget(self._first_frame_around(time_seconds))

    def forget(self, frame: int) -> None:
        """No earlier frame will be asked for."""
        self._frames.forget(frame)
        for cells in (self._is_finite, self._is_changing, self._clipped):
            cells.forget(frame * PATCH_HOP_SAMPLES // CELL_SAMPLES)

    def _turn(self, number: int) -> int:
        # of hops shorter than a frame's several would begin at one frame: the same window again
        hop_seconds = max(self._settings.hop_seconds, FRAME_HOP_SECONDS)
        return round(number * hop_seconds / FRAME_HOP_SECONDS)

    def _first_frame_around(self, time_seconds: float) -> int:
        start_seconds = time_seconds - self._settings.window_seconds / 2
        return round(start_seconds / FRAME_HOP_SECONDS)

    def _window(self, first: int, last: int) -> Window:
        cells = slice(
            first * PATCH_HOP_SAMPLES // CELL_SAMPLES,
            -(-((last - 1) * PATCH_HOP_SAMPLES + PATCH_SAMPLES) // CELL_SAMPLES),
        )
        clipped_share = float(self._clipped.between(cells.start, cells.stop).mean())
        fault = None
        if not self._is_finite.between(cells.start, cells.stop).all():
            fault = "non_finite"
        elif not self._is_changing.between(cells.start, cells.stop).any():
            fault = "silent"
        elif clipped_share > self._settings.max_clipped_share:
            fault = "clipped"
        start_seconds = first * PATCH_HOP_SAMPLES / SAMPLE_RATE_HZ
        end_seconds = start_seconds + max(self._settings.window_seconds, FRAME_SECONDS)
        if last - first < self.frames_per_window:
            end_seconds = start_seconds + (last - first + 1) * FRAME_HOP_SECONDS
        total_seconds = self.num_samples / SAMPLE_RATE_HZ
        if self.is_heard and last == self.num_frames:  # it hears to the very end
            end_seconds = total_seconds
        frames = None if fault else self._frames.between(first, last)
        return Window(
            first, start_seconds, min(end_seconds, total_seconds), frames, fault, clipped_share
        )


class _Tail:
    """The end of an array that grows; positions count from its very beginning.

    Args:
        empty: of the right dtype and shape.
    """

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
