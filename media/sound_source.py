"""Whatever decodes a recording, seen by those who only want its samples as they come."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Protocol

import numpy as np

from media.decoded_audio import CLIPPING_LEVEL, nothing_there
from media.pyav_reader import SoundBlocks, open_audio_stream
from media.soundfile_reader import open_soundfile_source


class SoundSource(Protocol):
    """A recording that is decoded piece by piece: iterating gives float32 [num_samples, num_channels]."""

    @property
    def sample_rate_hz(self) -> int:
        """Of the file."""

    @property
    def num_channels(self) -> int:
        """Of the file."""

    @property
    def clipping_level(self) -> float:
        """The amplitude from which on a sample is as loud as the format allows."""

    @property
    def expected_seconds(self) -> float | None:
        """The length that the header announces; None where it does not, or only guesses."""

    @property
    def damage(self) -> str | None:
        """Why there is less than promised, in words; None if it is all there. Known at the end."""

    def __iter__(self) -> Iterator[np.ndarray]:
        """Once, from the beginning to the end, or to where nothing more can be decoded."""


class PyavSource:
    """A recording that FFmpeg decodes, frame by frame, as a `SoundSource`.

    Args:
        path: the file.
        blocks: its sound.
        pieces: made of these blocks, float32 [num_samples, num_channels] each.
    """

    clipping_level = CLIPPING_LEVEL

    def __init__(self, path: Path, blocks: SoundBlocks, pieces: Iterator[np.ndarray]) -> None:
        self.sample_rate_hz = blocks.sample_rate_hz
        self.num_channels = blocks.num_channels
        self.expected_seconds = blocks.expected_seconds
        self.damage: str | None = None
        self._path, self._blocks, self._pieces = path, blocks, pieces

    def __iter__(self) -> Iterator[np.ndarray]:
        num_samples = 0
        for samples in self._pieces:
            num_samples += len(samples)
            yield samples
        decoded_seconds = num_samples / self.sample_rate_hz
        self.damage = self._blocks.damage_at_end(self._path, decoded_seconds)


@contextmanager
def open_sound_source(path: Path) -> Iterator[tuple[SoundSource, Iterator[np.ndarray]]]:
    """The recording with whichever decoder gets something out of it, and its samples as they come.

    Raises:
        UnreadableMediaError: not a recording, or not one sample of it can be decoded.
    """
    with open_soundfile_source(path) as source:
        pieces = None if source is None else started(source)
        if source is not None and pieces is not None:
            yield source, pieces
            return
    with open_audio_stream(path) as (container, stream):
        blocks = SoundBlocks(container, stream)
        pyav_source = PyavSource(path, blocks, (samples for _, samples in blocks))
        pieces = started(pyav_source)
        if pieces is None:
            raise nothing_there(path, damage=pyav_source.damage)
        yield pyav_source, pieces


def started(source: SoundSource) -> Iterator[np.ndarray] | None:
    """The pieces of a source of which the first is known to hold something; None if none does."""
    pieces = iter(source)
    first = next((piece for piece in pieces if len(piece)), None)
    return None if first is None else chain([first], pieces)
