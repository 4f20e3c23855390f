"""Recordings and sound tracks of any length, block by block, in constant memory."""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, pairwise
from pathlib import Path

import numpy as np

from media.containers import open_audio_stream
from media.errors import check_positive
from media.sound import check_amplitude, notes_on_quality, nothing_there
from media.sound_files import PyavReader, SoundReader, open_sound
from media.sound_marks import (
    CELL_SECONDS,
    CHANGING,
    CLIPPED,
    FINITE,
    mark_cells,
    samples_per_cell,
    starts_of_cells,
)
from media.waveforms import Mixer, Pieces, regroup, resample_blocks

_SMALLEST_GAP_SECONDS = 0.02
"""Timestamps are rounded (to a millisecond in Matroska): what is smaller is no gap."""
_LARGEST_GAP_SECONDS = 600.0

TimedSamples = tuple[float | None, np.ndarray]
"""When the first sample is heard, in seconds, if known; float32 [num_samples, num_channels]."""


@dataclass(frozen=True)
class SoundBlock:
    """A stretch of a recording, and marks of what is wrong in it, one for each cell of 10 ms.

    The marks are made on the samples of the file, all its channels, before mixing and resampling.
    The last cell of the last block may be cut short.

    Attributes:
        first_sample: position of the first sample in the recording's waveform, int >= 0.
        waveform: float32 [num_samples], mono, full scale at [-1, 1], always finite: where the file
            holds no numbers, they were 0 before mixing.
        is_finite: bool [num_cells], whether all samples of all channels were.
        is_changing: bool [num_cells]; False where all channels hold still, each sample equal to the
            one before it: digital silence, at 0 or elsewhere. A recording's first sample counts as
            equal, those that were not finite as 0.
        clipped_share: float32 [num_cells] in [0, 1], share of the time in which any channel is
            clipped: three or more equal samples in a row, as loud as the format allows or louder.
    """

    first_sample: int
    waveform: np.ndarray
    is_finite: np.ndarray
    is_changing: np.ndarray
    clipped_share: np.ndarray


@dataclass(frozen=True)
class SoundOutcome:
    """What can be said of a recording after its last sample.

    Attributes:
        decoded_seconds: float > 0, how much of it could be decoded.
        expected_seconds: how much its header announces; None where it does not, or only guesses.
        damage: why there is less than there should be, in words; None if nothing is known to lack.
        sample_rate_hz: of the file.
        num_channels: of the file.
        notes: messages, each with one `%s` for the file's name, as in `load_waveform_with_notes`
            but without the damage.
    """

    decoded_seconds: float
    expected_seconds: float | None
    damage: str | None
    sample_rate_hz: int
    num_channels: int
    notes: tuple[str, ...]


class SoundStream:
    """An open recording: iterate over its blocks once, then ask for the `outcome`.

    Attributes:
        start_seconds: when the first sample is heard, on the file's own clock; 0 for recordings.
        expected_seconds: as in `SoundOutcome`, known from the start.
    """

    def __init__(
        self,
        path: Path,
        sound: SoundReader,
        pieces: Iterator[np.ndarray],
        *,
        sample_rate_hz: int,
        block_seconds: float,
        start_seconds: float = 0.0,
    ) -> None:
        self.start_seconds = start_seconds
        self.expected_seconds = sound.expected_seconds
        self._path, self._sound, self._rate = path, sound, sample_rate_hz
        self._mixer = Mixer(sound.num_channels, sound.sample_rate_hz)
        self._marks = Pieces()
        self._num_decoded = 0
        self._outcome: SoundOutcome | None = None
        self._blocks = self._iter_blocks(pieces, round(block_seconds / CELL_SECONDS))

    def __iter__(self) -> Iterator[SoundBlock]:
        return self._blocks

    @property
    def outcome(self) -> SoundOutcome:
        """What is known after the last block.

        Raises:
            RuntimeError: there are still blocks to come.
        """
        if self._outcome is None:
            raise RuntimeError(
                "The outcome of a stream is known after its last block: iterate to the end first."
            )
        return self._outcome

    def _iter_blocks(self, pieces: Iterator[np.ndarray], num_cells: int) -> Iterator[SoundBlock]:
        """Decode, look at, mix down, resample, and cut into blocks of so many cells."""
        sound, cell_samples = self._sound, samples_per_cell(self._rate)
        mono = self._mixer.mix(self._look_at(pieces))
        resampled = resample_blocks(mono, sound.sample_rate_hz, self._rate)
        first_sample = 0
        for waveform in regroup(resampled, num_cells * cell_samples):
            marks = self._marks.take(math.ceil(len(waveform) / cell_samples))
            yield SoundBlock(
                first_sample,
                waveform,
                is_finite=marks[:, FINITE] > 0,
                is_changing=marks[:, CHANGING] > 0,
                clipped_share=marks[:, CLIPPED],
            )
            first_sample += len(waveform)
        if first_sample == 0:
            raise nothing_there(self._path, damage=sound.damage)
        self._outcome = SoundOutcome(
            decoded_seconds=self._num_decoded / sound.sample_rate_hz,
            expected_seconds=sound.expected_seconds,
            damage=sound.damage,
            sample_rate_hz=sound.sample_rate_hz,
            num_channels=sound.num_channels,
            notes=notes_on_quality(sound, self._mixer, self._rate),
        )

    def _look_at(self, pieces: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
        starts, num_samples = starts_of_cells(self._sound.sample_rate_hz, self._rate)
        groups = regroup(pieces, num_samples)
        for samples, marks in mark_cells(groups, starts, self._sound.clipping_level):
            check_amplitude(self._path, samples)
            self._marks.append(marks)
            self._num_decoded += len(samples)
            yield samples
        # Rounding may make the waveform longer by a cell than what it was made of.
        self._marks.append(np.array([[1, 0, 0]], dtype=np.float32))


@contextmanager
def stream_waveform(
    path: str | Path, *, sample_rate_hz: int, block_seconds: float = 10.0
) -> Iterator[SoundStream]:
    """A recording of any length as the model hears it, block by block.

    Joined, the blocks are what `load_waveform` gives of the whole file: how the decoder and the
    caller cut it leaves no trace. But samples that are not finite do not end it: they are 0 and
    marked.

    Needs the memory of one block and some seconds of sound around it; with several channels, of
    the 30 seconds by which it is decided whether they cancel (opposite polarity).

    Args:
        path: the file; what it is, its content says, not its name.
        sample_rate_hz: int > 0, of the blocks.
        block_seconds: float > 0, a multiple of 0.01; how much each block holds, but for the last.
            At rates that are no multiple of 100 Hz, that many cells of `samples_per_cell`.
    Returns:
        A context manager that gives the `SoundStream`.
    Raises:
        FileNotFoundError: nothing is at this path (on entering).
        ValueError: an option out of its range (on entering).
        UnreadableMediaError: not a recording (on entering); nothing in it can be decoded, or
            amplitudes beyond 100 times full scale (while iterating).
    Example:
        >>> with stream_waveform("marsh.wav", sample_rate_hz=48_000) as stream:
        ...     loudest = max(abs(block.waveform).max() for block in stream)
        >>> stream.outcome.damage is None
        True
    """
    path = Path(path)
    _check_options(sample_rate_hz, block_seconds)
    with open_sound(path) as sound:
        yield SoundStream(
            path, sound, sound.read(), sample_rate_hz=sample_rate_hz, block_seconds=block_seconds
        )


@contextmanager
def stream_sound_track(
    path: str | Path, *, sample_rate_hz: int, block_seconds: float = 10.0
) -> Iterator[SoundStream]:
    """The first sound track of a video, block by block, as `stream_waveform` gives a recording.

    The positions of the blocks count from the stream's `start_seconds` on the file's own clock.
    Where the track pauses they hold zeros that are marked as not changing, so that what follows
    stays at its time; such pauses count as decoded. Arguments and errors are those of
    `stream_waveform`; a file without a sound track that FFmpeg can decode is refused on entering.
    """
    path = Path(path)
    _check_options(sample_rate_hz, block_seconds)
    with open_audio_stream(path) as (container, stream):
        sound = PyavReader(path, container, stream)
        timed = sound.timed_samples()
        first = next(timed, None)
        if first is None:
            raise nothing_there(path, damage=sound.damage)
        yield SoundStream(
            path,
            sound,
            _finished(sound, _without_gaps(first, timed, sound.sample_rate_hz)),
            sample_rate_hz=sample_rate_hz,
            block_seconds=block_seconds,
            start_seconds=first[0] or 0.0,
        )


def _check_options(sample_rate_hz: int, block_seconds: float) -> None:
    check_positive(sample_rate_hz=sample_rate_hz)
    num_cells = block_seconds / CELL_SECONDS
    if not 0.5 < num_cells < math.inf or abs(num_cells - round(num_cells)) > 1e-6 * num_cells:
        raise ValueError(
            f"Expected block_seconds > 0 and a multiple of {CELL_SECONDS}, received {block_seconds}."
        )


def _finished(sound: PyavReader, pieces: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    num_samples = 0
    for samples in pieces:
        num_samples += len(samples)
        yield samples
    sound.finish(num_samples)


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
        gap_seconds = 0.0
        if start_seconds is not None and time_seconds is not None and next_seconds is not None:
            gap_seconds = time_seconds - start_seconds - num_samples / rate
            next_gap_seconds = next_seconds - time_seconds - len(samples) / rate
            is_small = abs(gap_seconds) <= _SMALLEST_GAP_SECONDS
            if is_small or abs(next_gap_seconds) > _SMALLEST_GAP_SECONDS:
                gap_seconds = 0.0
        if 0 < gap_seconds <= _LARGEST_GAP_SECONDS:
            num_missing = round(gap_seconds * rate)
            num_samples += num_missing
            for start in range(0, num_missing, rate):  # a second at a time
                length = min(rate, num_missing - start)
                yield np.zeros((length, samples.shape[1]), dtype=np.float32)
        elif -_LARGEST_GAP_SECONDS <= gap_seconds < 0:  # heard twice
            samples = samples[round(-gap_seconds * rate) :]
        num_samples += len(samples)
        yield samples
