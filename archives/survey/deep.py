"""Every file decoded to its end, in processes that a damaged file may crash."""

import os
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from tqdm.auto import tqdm

from archives.survey.records import SurveyedFile
from archives.workers import Ended, Workers
from media import CELL_SECONDS, load_image, stream_frames, stream_waveform
from media.errors import UnreadableMediaError

Decode = Callable[[SurveyedFile], Iterator[SurveyedFile | None]]
"""Gives None now and then, as a sign of life; at last the file with what was found."""
_CLIPPED_SHARE = 0.001


def decoded_files(
    files: Sequence[SurveyedFile],
    *,
    progress: bool = False,
    decode: Decode | None = None,
) -> list[SurveyedFile]:
    """The files with the faults that only decoding finds; `decode` is what a worker does.

    Those of which `embed` makes nothing are passed on as they are.
    """
    found = {file.path: file for file in files}
    wanted = [file for file in files if file.is_usable]
    decoded = _in_workers(decode or decode_file, wanted)
    bar = tqdm(decoded, "decoding", len(wanted), disable=not progress, leave=False)
    found.update((file.path, file) for file in bar)
    return list(found.values())


def _in_workers(decode: Decode, files: Sequence[SurveyedFile]) -> Iterator[SurveyedFile]:
    num_workers = min(8, os.cpu_count() or 1)
    with Workers(decode, num_workers=num_workers) as workers:
        for file, message in workers.run(files):
            if isinstance(message, SurveyedFile):
                yield message
            elif isinstance(message, Ended) and message.crash is not None:
                yield file.with_fault("unreadable", f"its decoder {message.crash}.")
            elif isinstance(message, Ended) and message.refusal is not None:
                yield file.with_fault("unreadable", str(message.refusal))


def decode_file(file: SurveyedFile) -> Iterator[SurveyedFile | None]:
    """A file decoded to its end."""
    look = {"photo": _look_at_photo, "recording": _listen, "video": _watch}[file.kind]
    try:
        yield from look(file)
    except UnreadableMediaError as error:
        yield file.with_fault("unreadable", error.reason)


def _look_at_photo(file: SurveyedFile) -> Iterator[SurveyedFile]:
    image = load_image(file.path)
    if image.min() == image.max():
        file = file.with_fault("blank", "every pixel has the same colour: nothing is seen.")
    yield file


def _watch(file: SurveyedFile) -> Iterator[SurveyedFile | None]:
    with stream_frames(file.path) as frames:
        for _ in frames:
            yield None
    if frames.damage is not None:
        text = f"{frames.damage}; {frames.decoded_seconds:.1f} s can be used."
        file = file.with_fault("damaged", text)
    yield file


def _listen(file: SurveyedFile) -> Iterator[SurveyedFile | None]:
    marks = []
    try:
        with stream_waveform(
            file.path, sample_rate_hz=file.header.sample_rate_hz or 48_000
        ) as stream:
            for block in stream:
                marks.append((block.is_finite, block.is_changing, block.clipped_share))
                yield None
    except UnreadableMediaError as error:
        yield file.with_fault("damaged" if marks else "unreadable", error.reason)
        return
    outcome = stream.outcome
    if outcome.damage is not None and not file.has("truncated"):
        text = f"{outcome.damage}; {outcome.decoded_seconds:.1f} s can be used."
        file = file.with_fault("damaged", text)
    yield _with_sound_faults(file, *map(np.concatenate, zip(*marks, strict=True)))


def _with_sound_faults(
    file: SurveyedFile, is_finite: np.ndarray, is_changing: np.ndarray, clipped_share: np.ndarray
) -> SurveyedFile:
    """By the marks of all cells of 10 ms."""
    if not is_finite.any():
        return file.with_fault("no_sound", "all of it is NaN or infinite. Export it again.")
    if not is_finite.all():
        seconds = (~is_finite).sum() * CELL_SECONDS
        text = f"{seconds:.2f} s of it hold NaN or infinite samples. Export it again."
        file = file.with_fault("non_finite", text)
    if not is_changing.any():
        text = "digital silence from beginning to end: check the microphone."
        return file.with_fault("silent", text)
    if clipped_share.mean() > _CLIPPED_SHARE:
        text = f"{100 * clipped_share.mean():.1f} % of it is clipped: lower the gain."
        return file.with_fault("clipped", text)
    return file
