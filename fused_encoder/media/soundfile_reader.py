"""Samples out of the recordings that libsndfile knows: WAV, FLAC, Ogg, MP3, AIFF and their kin."""

import os
import re
from pathlib import Path

import numpy as np
import soundfile

from fused_encoder.media.decoded_audio import DecodedAudio, check_rate
from fused_encoder.media.excerpt import Excerpt

_BLOCK_FRAMES = 1 << 16
_MP3_RUN_UP_FRAMES = 12 * 1152
"""An MP3 frame leans on some before it: right after a seek libsndfile gives silence instead.

soundfile seeks after every read, so a second read would begin with such a silence too.
"""
_MP3_MOST_SAMPLES_PER_BYTE = 64
"""The lowest bit rate there is gives 24."""
_DATA_CUT_SHORT = re.compile(r"^ ?(?:data|SSND) : (\d+) \(should be (\d+)\)", re.MULTILINE)
_LENGTH_UNKNOWN = 0x7FFFFFFF


def open_with_soundfile(path: Path) -> soundfile.SoundFile | None:
    """The file opened by libsndfile, which goes by content; None if it is not of its kinds."""
    try:
        return soundfile.SoundFile(os.fsencode(path))  # as bytes: any name there is
    except (soundfile.LibsndfileError, TypeError):  # TypeError: a name that ends with .raw
        return None


def read_with_soundfile(path: Path, excerpt: Excerpt) -> DecodedAudio | None:
    """The samples that an excerpt needs, and no more; None if libsndfile does not open the file.

    Raises:
        UnreadableMediaError: the header's sample rate is absurd.
    """
    file = open_with_soundfile(path)
    if file is None:
        return None
    with file:
        check_rate(path, file.samplerate)
        first, count = excerpt.to_source_span(file.samplerate)
        if file.format == "MP3" and file.frames > _MP3_MOST_SAMPLES_PER_BYTE * path.stat().st_size:
            return None  # the table of contents is damaged; FFmpeg does not believe it
        promised = max(0, file.frames - first)
        wanted = promised if count is None else min(count, promised)
        samples, damage = _read_blocks(file, first, wanted)
        if damage is None and len(samples) < wanted - _length_tolerance(file):
            end_seconds = (first + len(samples)) / file.samplerate
            damage = f"it ends at {end_seconds:.2f} s of {file.frames / file.samplerate:.2f} s"
        if damage is None and wanted == promised:
            damage = _missing_data(file.extra_info)
        return DecodedAudio(samples, file.samplerate, damage)


def _read_blocks(
    file: soundfile.SoundFile, first: int, wanted: int
) -> tuple[np.ndarray, str | None]:
    """Block by block, so that what precedes a damage is kept; MP3 in one go, with a run-up."""
    is_mp3 = file.format == "MP3"
    run_up = min(first, _MP3_RUN_UP_FRAMES) if is_mp3 else 0
    remaining = run_up + wanted
    blocks = [np.empty((0, file.channels), dtype=np.float32)]
    damage = None
    try:
        if first:
            file.seek(min(first, file.frames) - run_up)
        while remaining > 0:
            num_frames = remaining if is_mp3 else min(remaining, _BLOCK_FRAMES)
            block = file.read(num_frames, dtype="float32", always_2d=True)
            if len(block) == 0:
                break
            blocks.append(block)
            remaining -= len(block)
    except soundfile.LibsndfileError as error:
        damage = f"it breaks off ({error.error_string})"
    return np.concatenate(blocks)[run_up:], damage


def _length_tolerance(file: soundfile.SoundFile) -> float:
    """MP3 files without a table of contents tell no length: libsndfile guesses it from their size.

    It counts the tags in; by 0.15 to 0.5 s in the undamaged field recordings we have seen.
    """
    return file.samplerate + 0.05 * file.frames if file.format == "MP3" else 0


def _missing_data(libsndfile_log: str) -> str | None:
    """WAV and AIFF headers announce the length of the sound; libsndfile only logs a lack of it."""
    found = _DATA_CUT_SHORT.search(libsndfile_log)
    if found is None:
        return None
    announced, present = int(found[1]), int(found[2])
    if announced >= _LENGTH_UNKNOWN or present >= announced:  # written to a pipe, or merely odd
        return None
    return f"it holds {present} of the {announced} bytes of sound that its header announces"
