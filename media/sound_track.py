"""The sound of a video, laid out on the clock that its frames use too."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path

import numpy as np

from media.decoded_audio import nothing_there
from media.errors import UnreadableMediaError
from media.pyav_reader import SoundBlocks, open_audio_stream
from media.sound_source import PyavSource
from media.sound_stream import SoundStream, check_stream_options

logger = logging.getLogger(__name__)

_SMALLEST_GAP_SECONDS = 0.02
"""Timestamps are rounded (to a millisecond in Matroska): what is smaller is no gap."""
_LARGEST_GAP_SECONDS = 600.0

TimedSamples = tuple[float | None, np.ndarray]
"""When the first sample is heard, in seconds, if known; float32 [num_samples, num_channels]."""


@dataclass(frozen=True)
class SoundTrack:
    """A video's sound, mono.

    Attributes:
        waveform: float32 [num_samples], full scale at [-1, 1].
        sample_rate_hz: of the waveform.
        start_seconds: when its first sample is heard, on the file's own clock.
    """

    waveform: np.ndarray
    sample_rate_hz: int
    start_seconds: float

    def around(self, time_seconds: float, duration_seconds: float) -> np.ndarray | None:
        """The sound centred on a moment: what exists of it, or None where nothing does."""
        first_seconds = time_seconds - duration_seconds / 2 - self.start_seconds
        first = round(first_seconds * self.sample_rate_hz)
        last = first + round(duration_seconds * self.sample_rate_hz)
        piece = self.waveform[max(0, first) : max(0, last)]
        return piece if len(piece) else None


def read_sound_track(path: Path, sample_rate_hz: int) -> SoundTrack:
    """The whole first sound track of a video, once, so that any moment can be cut out of it.

    Needs 4 bytes x sample rate x duration of memory (230 MB for an hour at 16 kHz). Where the track
    pauses, the waveform holds zeros of that length, so that what follows stays at its time.

    Raises:
        UnreadableMediaError: the file has no sound track that FFmpeg can decode, nothing of it can
            be decoded, NaN or infinite samples, or amplitudes beyond 100 times full scale.
    """
    with stream_sound_track(path, sample_rate_hz=sample_rate_hz) as stream:
        blocks = list(stream)
    outcome, waveform = stream.outcome, np.concatenate([block.waveform for block in blocks])
    if not all(block.is_finite.all() for block in blocks):
        raise UnreadableMediaError(
            path, "its sound holds NaN or infinite samples. Export it again."
        )
    for note in outcome.notes:
        logger.warning(note, path)
    if outcome.damage is not None:
        seconds = len(waveform) / sample_rate_hz
        logger.warning("The sound of '%s': %s. %.2f s are used.", path, outcome.damage, seconds)
    return SoundTrack(waveform, sample_rate_hz, stream.start_seconds)


@contextmanager
def stream_sound_track(
    path: str | Path, *, sample_rate_hz: int = 16000, block_seconds: float = 10.0
) -> Iterator[SoundStream]:
    """The first sound track of a video, block by block, as `stream_waveform` gives a recording.

    The positions of the blocks count from the stream's `start_seconds` on the file's own clock.
    Where the track pauses they hold zeros that are marked as not changing, so that what follows
    stays at its time; such pauses count as decoded.

    Args:
        path: the file.
        sample_rate_hz: as in `stream_waveform`.
        block_seconds: as in `stream_waveform`.
    Returns:
        A context manager that gives the `SoundStream`.
    Raises:
        FileNotFoundError, ValueError: as `stream_waveform` (on entering).
        UnreadableMediaError: no sound track that FFmpeg can decode, or nothing of it can be decoded
            (on entering); or amplitudes beyond 100 times full scale (when they come).
    """
    path = Path(path)
    check_stream_options(sample_rate_hz, block_seconds)
    with open_audio_stream(path) as (container, stream):
        blocks = SoundBlocks(container, stream)
        timed = iter(blocks)
        first = next(timed, None)
        if first is None:
            raise nothing_there(path, damage=blocks.damage)
        source = PyavSource(path, blocks, _without_gaps(first, timed, blocks.sample_rate_hz))
        yield SoundStream(
            path,
            source,
            iter(source),
            sample_rate_hz=sample_rate_hz,
            block_seconds=block_seconds,
            start_seconds=first[0] or 0.0,
        )


def _without_gaps(
    first: TimedSamples, others: Iterator[TimedSamples], rate: int
) -> Iterator[np.ndarray]:
    """The samples one after another, with silence where the timestamps leave a gap.

    A jump counts only if the next timestamp confirms it: a single damaged one moves nothing.
    """
    start_seconds, samples = first
    yield samples
    num_samples = len(samples)
    nothing_follows: list[TimedSamples] = [(None, samples[:0])]
    for (time_seconds, samples), (next_seconds, _) in pairwise(chain(others, nothing_follows)):
        if start_seconds is None or time_seconds is None or next_seconds is None:
            gap_seconds = 0.0
        else:
            gap_seconds = time_seconds - start_seconds - num_samples / rate
            is_confirmed = _is_small(next_seconds - time_seconds - len(samples) / rate)
            if _is_small(gap_seconds) or not is_confirmed:
                gap_seconds = 0.0
        if 0 < gap_seconds <= _LARGEST_GAP_SECONDS:
            num_missing = round(gap_seconds * rate)
            num_samples += num_missing
            yield from _silence(num_missing, samples, rate)
        elif -_LARGEST_GAP_SECONDS <= gap_seconds < 0:  # heard twice
            samples = samples[round(-gap_seconds * rate) :]
        num_samples += len(samples)
        yield samples


def _is_small(gap_seconds: float) -> bool:
    return abs(gap_seconds) <= _SMALLEST_GAP_SECONDS


def _silence(num_samples: int, like: np.ndarray, rate: int) -> Iterator[np.ndarray]:
    """Zeros, a second at a time."""
    for start in range(0, num_samples, rate):
        length = min(rate, num_samples - start)
        yield np.zeros((length, like.shape[1]), dtype=np.float32)
