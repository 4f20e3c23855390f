"""Spectrograms of recordings of any length, tile by tile: only the seconds that a tile shows are decoded."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from media import UnreadableMediaError, load_waveform, probe_audio

TILE_COLUMNS, TILE_ROWS = 512, 256
FINEST_SECONDS = 0.0025  # of a column at zoom 0; twice as long at each further zoom
LOWEST_DB, HIGHEST_DB = -120.0, 0.0  # of full scale: the values 1 and 255; 0 is no sound at all
WINDOW_SAMPLES = 2 * TILE_ROWS
WHOLE_SECONDS = 45.0  # a tile of more is a sample of its sound
SAMPLED_WINDOWS = 4  # of each of its columns
_BLOCK_WINDOWS = 4096


@dataclass(frozen=True)
class SpectrogramShape:
    """What a page needs to know of a recording before it asks for tiles.

    Attributes:
        duration_seconds: float > 0.
        sample_rate_hz: int > 0, of the file: the highest frequency that is drawn is half of it.
        num_zooms: int >= 1; at the last one, all of the recording is in one tile, unless it is of a format
            that is decoded from its start (Ogg): of these there are no overviews.
    """

    duration_seconds: float
    sample_rate_hz: int
    num_zooms: int


def tile_seconds(zoom: int) -> float:
    """How much of a recording a tile holds."""
    return TILE_COLUMNS * FINEST_SECONDS * 2**zoom


def spectrogram_shape(path: str | Path) -> SpectrogramShape:
    """The size of a recording's spectrogram, from its header.

    Raises:
        UnreadableMediaError: it is no recording, or its header does not tell how long it is.
    """
    info = probe_audio(path)
    if not info.duration_seconds:
        raise UnreadableMediaError(
            Path(path),
            "its header does not say how long it is. Convert it to WAV or FLAC and open that.",
        )
    longest = (
        info.duration_seconds if info.is_seekable else min(info.duration_seconds, WHOLE_SECONDS)
    )
    num_zooms = 1
    while tile_seconds(num_zooms - 1) < longest:
        num_zooms += 1
    if not info.is_seekable and tile_seconds(num_zooms - 1) > WHOLE_SECONDS:
        num_zooms = max(1, num_zooms - 1)
    return SpectrogramShape(info.duration_seconds, info.sample_rate_hz, num_zooms)


def spectrogram_tile(
    path: str | Path, shape: SpectrogramShape, zoom: int, number: int
) -> np.ndarray:
    """One tile of a recording's spectrogram, at the file's own sample rate.

    A column is the loudest of what is heard in it, in each band of frequency. Tiles of up to 45 s
    look at every sample; of longer ones, each column looks at four short windows, so that an overview of
    hours comes as fast as a close view.

    Args:
        path: of the recording.
        shape: of it, from `spectrogram_shape`.
        zoom: int in [0, num_zooms).
        number: int >= 0, the place of the tile in time, from 0.
    Returns:
        uint8 [256, 512], high frequencies first: 0 where there is no sound (behind the end, or digital
        silence), else 1 to 255 for -120 to 0 dB of a full-scale sine.
    Raises:
        ValueError: there is no such tile.
        UnreadableMediaError: this part cannot be decoded.
    """
    start = number * tile_seconds(zoom)
    if not (0 <= zoom < shape.num_zooms and 0 <= start < shape.duration_seconds):
        raise ValueError(
            f"Expected a zoom below {shape.num_zooms} and a tile that begins before "
            f"{shape.duration_seconds:g} s, received zoom {zoom} and tile {number}."
        )
    power = np.zeros((TILE_ROWS, TILE_COLUMNS), np.float32)
    is_whole = tile_seconds(zoom) <= WHOLE_SECONDS
    for part in _whole(start, zoom, shape) if is_whole else _sampled(start, zoom, shape):
        if part.offset_seconds >= shape.duration_seconds:
            break
        try:
            waveform = load_waveform(
                path,
                sample_rate_hz=shape.sample_rate_hz,
                offset_seconds=part.offset_seconds,
                max_seconds=part.seconds,
            )
        except UnreadableMediaError:
            if part.offset_seconds > start:  # its end is missing, as its header did not know
                break
            raise
        per_column = part.column_seconds * shape.sample_rate_hz
        columns = slice(part.first_column, part.first_column + part.num_columns)
        power[:, columns] = _loudest(waveform, part.lead_samples, part.num_columns, per_column)
    return _as_bytes(power)


class _Part(NamedTuple):
    """A stretch of sound, and the columns that are made of it."""

    first_column: int
    num_columns: int
    column_seconds: float
    lead_samples: int  # before the middle of the first window, at most half a window
    offset_seconds: float
    seconds: float


def _whole(start: float, zoom: int, shape: SpectrogramShape) -> Iterator[_Part]:
    """All of a tile, with half a window on either side, so that tiles join without a seam."""
    rate = shape.sample_rate_hz
    lead = min(WINDOW_SAMPLES // 2, round(start * rate))
    step, seconds = FINEST_SECONDS * 2**zoom, tile_seconds(zoom) + WINDOW_SAMPLES / rate
    yield _Part(0, TILE_COLUMNS, step, lead, start - lead / rate, seconds)


def _sampled(start: float, zoom: int, shape: SpectrogramShape) -> Iterator[_Part]:
    """A few windows at the beginning of each column."""
    seconds = SAMPLED_WINDOWS * WINDOW_SAMPLES / shape.sample_rate_hz
    step = FINEST_SECONDS * 2**zoom
    for column in range(TILE_COLUMNS):
        lead, offset = WINDOW_SAMPLES // 2, start + column * step
        yield _Part(column, 1, step, lead, offset, min(seconds, step))


def _loudest(
    waveform: np.ndarray, lead_samples: int, num_columns: int, per_column: float
) -> np.ndarray:
    """Float32 [TILE_ROWS, num_columns], power; columns behind the end of the waveform are 0."""
    hop = max(1, min(WINDOW_SAMPLES // 2, int(per_column)))
    padded = np.pad(waveform, (WINDOW_SAMPLES // 2 - lead_samples, WINDOW_SAMPLES // 2))
    if len(padded) < WINDOW_SAMPLES:
        padded = np.pad(padded, (0, WINDOW_SAMPLES - len(padded)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW_SAMPLES)[::hop]
    taper = np.hanning(WINDOW_SAMPLES + 1)[:-1].astype(np.float32)
    column_of = np.minimum((np.arange(len(windows)) * hop / per_column).astype(int), num_columns)
    power = np.zeros((num_columns + 1, TILE_ROWS), np.float32)  # the last is behind the tile's end
    for first in range(0, len(windows), _BLOCK_WINDOWS):
        some = slice(first, first + _BLOCK_WINDOWS)
        spectrum = np.abs(np.fft.rfft(windows[some] * taper)[:, 1:]).astype(np.float32)
        columns, starts = np.unique(column_of[some], return_index=True)
        loudest = np.maximum.reduceat(np.square(spectrum / (WINDOW_SAMPLES / 4)), starts)
        power[columns] = np.maximum(power[columns], loudest)
    return power[:num_columns, ::-1].T


def _as_bytes(power: np.ndarray) -> np.ndarray:
    decibels = 10 * np.log10(np.maximum(power, 1e-30))
    share = (decibels - LOWEST_DB) / (HIGHEST_DB - LOWEST_DB)
    return np.where(power > 1e-20, np.clip(np.round(1 + 254 * share), 1, 255), 0).astype(np.uint8)
