"""Samples out of the recordings that libsndfile knows: WAV, FLAC, Ogg, MP3, AIFF and their kin."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile

from media.cut_off import lacking_data, lacking_mp3_end, lacking_ogg_end
from media.decoded_audio import CLIPPING_LEVEL, DecodedAudio, check_rate
from media.errors import UnreadableMediaError
from media.excerpt import Excerpt
from media.mp3_frames import Mp3Outline, read_mp3_outline
from media.pyav_reader import SoundBlocks, open_audio_stream

_BLOCK_FRAMES = 1 << 12
"""A block in which the decoder stumbles is lost as a whole; one of FLAC's frames is as long."""
_MP3_RUN_UP_FRAMES = 12 * 1152
"""An MP3 frame leans on some before it: right after a seek libsndfile gives silence instead."""
_MP3_MOST_SAMPLES_PER_BYTE = 64
"""The lowest bit rate there is gives 24."""
_MP3_MOST_PADDING = 8192
"""The encoder's delay and padding, 12 bits each, which libsndfile takes off."""
_LENGTH_UNKNOWN = 1 << 62
"""libsndfile's answer for a FLAC whose header leaves the length open is 2 ** 63 - 1."""
_HIGHEST_AMPLITUDES = {
    "PCM_S8": 127 / 128,
    "PCM_U8": 127 / 128,
    "ULAW": 32124 / 32768,
    "ALAW": 32256 / 32768,
}


class StraightSoundFile(soundfile.SoundFile):
    """A sound file that is read straight on.

    `soundfile` seeks after every read of a file that can seek, to where it already is; in an MP3
    the next read would then begin with silence (`_MP3_RUN_UP_FRAMES`). `seek` itself still works.
    """

    def seekable(self) -> bool:
        """What `soundfile` asks before it seeks."""
        return False


def open_with_soundfile(path: Path) -> StraightSoundFile | None:
    """The file opened by libsndfile, which goes by content; None if it is not of its kinds."""
    try:
        return StraightSoundFile(os.fsencode(path))  # as bytes: any name there is
    except (soundfile.LibsndfileError, TypeError):  # TypeError: a name that ends with .raw
        return None


@contextmanager
def open_soundfile_source(path: Path) -> Iterator["SoundfileSource | None"]:
    """The recording, ready to be read; None if libsndfile does not open it, or would misread it.

    Raises:
        UnreadableMediaError: the header's sample rate is absurd.
    """
    file = open_with_soundfile(path)
    if file is None:
        yield None
        return
    with file:
        check_rate(path, file.samplerate)
        outline = read_mp3_outline(path) if file.format == "MP3" else None
        is_misread = file.format == "MP3" and _is_misread(file, outline, path.stat().st_size)
        yield None if is_misread else SoundfileSource(path, file, outline)


def read_with_soundfile(path: Path, excerpt: Excerpt) -> DecodedAudio | None:
    """The samples that an excerpt needs, and no more; None as `open_soundfile_source`.

    Raises:
        UnreadableMediaError: the header's sample rate is absurd.
    """
    with open_soundfile_source(path) as source:
        if source is None:
            return None
        first, count = excerpt.to_source_span(source.sample_rate_hz)
        blocks = [np.empty((0, source.num_channels), dtype=np.float32)]
        blocks.extend(source.read(first, count))
        return DecodedAudio(np.concatenate(blocks), source.sample_rate_hz, source.damage)


class SoundfileSource:
    """A recording that libsndfile decodes, block by block.

    Attributes:
        sample_rate_hz: int > 0.
        num_channels: int > 0.
        clipping_level: amplitude that the format cannot exceed, or full scale.
        num_samples: how many libsndfile means to give; None where the header leaves it open.
        expected_seconds: what the header announces; None where it does not, or is only a guess.
        damage: why there is less than promised, in words; None if it is all there. Known at the end.
    """

    def __init__(self, path: Path, file: StraightSoundFile, outline: Mp3Outline | None) -> None:
        self.sample_rate_hz: int = file.samplerate
        self.num_channels: int = file.channels
        self.clipping_level = _HIGHEST_AMPLITUDES.get(file.subtype, CLIPPING_LEVEL)
        self.damage: str | None = None
        self._path, self._file, self._outline = path, file, outline
        self._is_guess = file.format == "MP3" and not _has_good_table(file, outline)
        self.num_samples = None if file.frames >= _LENGTH_UNKNOWN else file.frames
        self._lacking_data = lacking_data(file.extra_info)
        self._lacking_ogg_end = lacking_ogg_end(path) if file.format == "OGG" else None
        self.expected_seconds = self._announced_seconds()

    def __iter__(self) -> Iterator[np.ndarray]:
        return self.read()

    def read(self, first: int = 0, count: int | None = None) -> Iterator[np.ndarray]:
        """From one sample on, at most so many: float32 [num_samples, num_channels] at a time.

        What precedes a damage is kept.
        """
        promised = None if self.num_samples is None else max(0, self.num_samples - first)
        wanted = count if promised is None else promised if count is None else min(count, promised)
        num_read = 0
        try:
            for block in self._read_blocks(first, wanted):
                num_read += len(block)
                yield block
        except soundfile.LibsndfileError as error:
            why = f" ({error.error_string})" if error.error_string else ""
            self.damage = f"it breaks off{why}"
            if self._file.format == "MP3":
                yield from self._go_on(
                    first + num_read, None if count is None else count - num_read
                )
        if self.damage is None:
            self.damage = self._shortage(first + num_read, first + (wanted or 0))
        if self.damage is None and wanted == promised:
            self.damage = self._missing_end()

    def _announced_seconds(self) -> float | None:
        if self.num_samples is None or self._is_guess or self._lacking_ogg_end is not None:
            return None
        lack = self._lacking_data
        share = 1.0 if lack is None else lack.num_announced / max(1, lack.num_present)
        return self.num_samples * share / self.sample_rate_hz

    def _read_blocks(self, first: int, wanted: int | None) -> Iterator[np.ndarray]:
        run_up = min(first, _MP3_RUN_UP_FRAMES) if self._file.format == "MP3" else 0
        if first:
            self._file.seek(min(first, self._file.frames) - run_up)
        remaining = _LENGTH_UNKNOWN if wanted is None else run_up + wanted
        while remaining > 0:
            block = self._file.read(min(remaining, _BLOCK_FRAMES), dtype="float32", always_2d=True)
            if len(block) == 0:
                return
            remaining -= len(block)
            skipped = min(run_up, len(block))
            run_up -= skipped
            yield block[skipped:]

    def _go_on(self, position: int, count: int | None) -> Iterator[np.ndarray]:
        """Behind foreign bytes, where libsndfile gives an MP3 up and FFmpeg finds the next frame."""
        try:
            with open_audio_stream(self._path) as (container, stream):
                blocks = SoundBlocks(container, stream)
                form = (blocks.sample_rate_hz, blocks.num_channels)
                if form != (self.sample_rate_hz, self.num_channels):
                    return  # what FFmpeg takes it for cannot follow what libsndfile gave
                num_passed = num_found = 0
                for _, samples in blocks:
                    block = samples[max(0, position - num_passed) :]
                    block = block if count is None else block[: max(0, count - num_found)]
                    num_passed += len(samples)
                    num_found += len(block)
                    yield block
                    if num_found == count:
                        return
                self.damage = blocks.damage_at_end(self._path, num_passed / self.sample_rate_hz)
        except UnreadableMediaError:  # what broke it off remains the reason
            return
        if num_found > 2 * _BLOCK_FRAMES and self.damage is None:  # else they stand behind the last
            self.damage = "foreign bytes stand between its frames"

    def _shortage(self, end: int, wanted_end: int) -> str | None:
        if end >= wanted_end - self._tolerance():
            return None
        seconds, all_seconds = end / self.sample_rate_hz, self._file.frames / self.sample_rate_hz
        return f"it ends at {seconds:.2f} s of {all_seconds:.2f} s"

    def _tolerance(self) -> float:
        """MP3 files without a table tell no length: libsndfile guesses it from their size.

        It counts the tags in; what more it was off in the undamaged field recordings we have seen,
        was under 0.5 s. The tables of some encoders count themselves.
        """
        if self._outline is not None and not self._is_guess:
            return 2 * self._outline.samples_per_frame
        if not self._is_guess:
            return 0
        num_bytes = self._path.stat().st_size
        num_sound_bytes = num_bytes if self._outline is None else self._outline.num_sound_bytes
        share_of_tags = 1 - num_sound_bytes / num_bytes
        return self.sample_rate_hz + (0.05 + share_of_tags) * self._file.frames

    def _missing_end(self) -> str | None:
        if self._lacking_data is not None:
            return str(self._lacking_data)
        return self._lacking_ogg_end or lacking_mp3_end(self._outline)


def _is_misread(file: StraightSoundFile, outline: Mp3Outline | None, num_bytes: int) -> bool:
    """Where an MP3 ends, libsndfile guesses if there is no good table, and reads no further."""
    if file.frames > _MP3_MOST_SAMPLES_PER_BYTE * num_bytes:
        return True  # the table is damaged; FFmpeg does not believe it
    if outline is None:
        return False
    return outline.goes_on or (outline.varies and not _has_good_table(file, outline))


def _has_good_table(file: StraightSoundFile, outline: Mp3Outline | None) -> bool:
    """Whether the length that libsndfile promises is that of a table."""
    if outline is None or outline.announced_samples is None:
        return False
    difference = outline.announced_samples - file.frames
    return -2 * outline.samples_per_frame <= difference <= _MP3_MOST_PADDING
