"""Recordings of any length, block by block: what `load_waveform` gives, in constant memory."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from media.decoded_audio import check_amplitude, note_on_rate, nothing_there
from media.files import read_head
from media.regroup import Pieces, regroup
from media.resampling import resample_blocks
from media.sound_marks import CELL_SECONDS, SoundMarker, samples_per_cell
from media.sound_source import SoundSource, open_sound_source
from media.stream_mixing import StreamMixer


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
        source: SoundSource,
        pieces: Iterator[np.ndarray],
        *,
        sample_rate_hz: int,
        block_seconds: float,
        start_seconds: float = 0.0,
    ) -> None:
        self.start_seconds = start_seconds
        self.expected_seconds = source.expected_seconds
        self._path, self._source, self._rate = path, source, sample_rate_hz
        self._cells_per_block = round(block_seconds / CELL_SECONDS)
        self._marker = SoundMarker(source.sample_rate_hz, sample_rate_hz, source.clipping_level)
        self._mixer = StreamMixer(source.num_channels)
        self._num_decoded = 0
        self._outcome: SoundOutcome | None = None
        self._blocks = self._iter_blocks(pieces)

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

    def _iter_blocks(self, pieces: Iterator[np.ndarray]) -> Iterator[SoundBlock]:
        """Decode, look at, mix down, resample, and cut into blocks."""
        rate = self._source.sample_rate_hz
        seconds = self._look_at(regroup(pieces, rate))
        waveforms = resample_blocks(self._mixer.mix(seconds), rate, self._rate)
        cell_samples = samples_per_cell(self._rate)
        waiting, first_sample = Pieces(), 0
        for waveform in waveforms:
            waiting.append(waveform)
            while self._has_block(waiting):
                block = self._next_block(waiting, first_sample)
                yield block
                first_sample += len(block.waveform)
        self._marker.finish(math.ceil(len(waiting) / cell_samples))
        while len(waiting):
            block = self._next_block(waiting, first_sample)
            yield block
            first_sample += len(block.waveform)
        if first_sample == 0:
            raise nothing_there(self._path, damage=self._source.damage)
        self._outcome = self._conclude()

    def _look_at(self, seconds: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        for samples in seconds:
            is_finite = None
            if not math.isfinite(float(samples.max()) - float(samples.min())):
                are_finite = np.isfinite(samples)
                is_finite = are_finite.all(axis=1)
                samples = np.where(are_finite, samples, np.float32(0))
            check_amplitude(self._path, float(max(samples.max(), -samples.min())))
            self._marker.add(samples, is_finite)
            self._num_decoded += len(samples)
            yield samples

    def _has_block(self, waiting: Pieces) -> bool:
        num_samples = self._cells_per_block * samples_per_cell(self._rate)
        is_marked = self._marker.num_ready_cells >= self._cells_per_block
        return is_marked and len(waiting) >= num_samples

    def _next_block(self, waiting: Pieces, first_sample: int) -> SoundBlock:
        cell_samples = samples_per_cell(self._rate)
        waveform = waiting.take(self._cells_per_block * cell_samples)
        marks = self._marker.take(math.ceil(len(waveform) / cell_samples))
        return SoundBlock(
            first_sample, waveform, marks.is_finite, marks.is_changing, marks.clipped_share
        )

    def _conclude(self) -> SoundOutcome:
        source = self._source
        notes = [note_on_rate(source.sample_rate_hz, self._rate)]
        if self._mixer.note is not None:
            notes.append(self._mixer.note.replace("%s", "'%s'"))
        return SoundOutcome(
            decoded_seconds=self._num_decoded / source.sample_rate_hz,
            expected_seconds=source.expected_seconds,
            damage=source.damage,
            sample_rate_hz=source.sample_rate_hz,
            num_channels=source.num_channels,
            notes=tuple(note for note in notes if note is not None),
        )


@contextmanager
def stream_waveform(
    path: str | Path, *, sample_rate_hz: int = 16000, block_seconds: float = 10.0
) -> Iterator[SoundStream]:
    """A recording of any length as the model hears it, block by block.

    Joined, the blocks are what `load_waveform` gives of the whole file: how the decoder and the
    caller cut it leaves no trace. Two things differ. Samples that are not finite do not end it:
    they are 0 and marked. And whether channels cancel (opposite polarity) is decided once, by the
    first 30 seconds that are not digital silence, where `load_waveform` goes by the whole.

    Needs the memory of one block and some seconds of sound around it; with several channels, of
    those 30 seconds until they are heard.

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
        UnreadableMediaError: not a recording, or nothing in it can be decoded (on entering); or
            amplitudes beyond 100 times full scale (when they come).
    Example:
        >>> with stream_waveform("marsh.wav", block_seconds=60.0) as stream:
        ...     loudest = max(abs(block.waveform).max() for block in stream)
        >>> stream.outcome.damage is None
        True
    """
    path = Path(path)
    check_stream_options(sample_rate_hz, block_seconds)
    read_head(path)
    with open_sound_source(path) as (source, pieces):
        yield SoundStream(
            path, source, pieces, sample_rate_hz=sample_rate_hz, block_seconds=block_seconds
        )


def check_stream_options(sample_rate_hz: int, block_seconds: float) -> None:
    """Refuse what no stream can be cut by.

    Raises:
        ValueError: a rate that is not positive, or a block that is not a whole number of cells.
    """
    if sample_rate_hz <= 0:
        raise ValueError(f"Expected sample_rate_hz > 0, received {sample_rate_hz}.")
    num_cells = block_seconds / CELL_SECONDS
    if not 0.5 < num_cells < math.inf or abs(num_cells - round(num_cells)) > 1e-6 * num_cells:
        raise ValueError(
            f"Expected block_seconds > 0 and a multiple of {CELL_SECONDS}, received {block_seconds}."
        )
