"""The sound of a video, laid out on the clock that its frames use too."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path

import numpy as np
import soxr

from fused_encoder.media.mixing import mix_down
from fused_encoder.media.pyav_reader import SoundBlocks, open_audio_stream

logger = logging.getLogger(__name__)

_BLOCK_SECONDS = 30.0
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


def read_sound_track(path: Path, sample_rate_hz: int) -> SoundTrack | None:
    """The whole first sound track of a video, once, so that any moment can be cut out of it.

    Needs 4 bytes x sample rate x duration of memory (230 MB for an hour at 16 kHz). Where the track
    pauses, the waveform holds zeros of that length, so that what follows stays at its time.

    Returns:
        None where nothing of a track can be decoded, or it is not finite; the log says so.
    Raises:
        UnreadableMediaError: the file has no sound track that FFmpeg can decode.
    """
    with open_audio_stream(path) as (container, stream):
        rate = stream.codec_context.sample_rate
        blocks = SoundBlocks(container, stream)
        timed = iter(blocks)
        first = next(timed, None)
        if first is None:
            logger.warning("The sound of '%s' cannot be decoded (%s).", path, blocks.damage)
            return None
        start_seconds = first[0] or 0.0
        resampler = soxr.ResampleStream(rate, sample_rate_hz, 1, dtype="float32", quality="HQ")
        pieces = [
            resampler.resample_chunk(mono)
            for mono in _mono_blocks(_without_gaps(first, timed, rate), rate, path)
        ]
        pieces.append(resampler.resample_chunk(np.zeros(0, dtype=np.float32), last=True))
        waveform = np.concatenate(pieces)
    if blocks.damage is not None:
        seconds = len(waveform) / sample_rate_hz
        logger.warning("The sound of '%s': %s. %.2f s are used.", path, blocks.damage, seconds)
    if not np.isfinite(waveform).all():
        logger.warning("The sound of '%s' holds NaN or infinite samples: not used.", path)
        return None
    return SoundTrack(waveform, sample_rate_hz, start_seconds)


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
            gap = np.zeros((round(gap_seconds * rate), samples.shape[1]), dtype=np.float32)
            num_samples += len(gap)
            yield gap
        elif -_LARGEST_GAP_SECONDS <= gap_seconds < 0:  # heard twice
            samples = samples[round(-gap_seconds * rate) :]
        num_samples += len(samples)
        yield samples


def _is_small(gap_seconds: float) -> bool:
    return abs(gap_seconds) <= _SMALLEST_GAP_SECONDS


def _mono_blocks(pieces: Iterator[np.ndarray], rate: int, path: Path) -> Iterator[np.ndarray]:
    """Mixed down by blocks: one decision on polarity each, and little memory."""
    gathered: list[np.ndarray] = []
    for piece in pieces:
        gathered.append(piece)
        if sum(map(len, gathered)) >= _BLOCK_SECONDS * rate:
            yield mix_down(np.concatenate(gathered), source=f"'{path}'")
            gathered.clear()
    if gathered:
        yield mix_down(np.concatenate(gathered), source=f"'{path}'")
