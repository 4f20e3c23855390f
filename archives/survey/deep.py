"""Every file decoded to its end, in processes that may crash of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from tqdm.auto import tqdm

from archives.pool import TaskNotDone, WorkerPool
from archives.survey.deep_sight import looked_at
from archives.survey.deep_sound import listened_to
from archives.survey.records import NOTHING_TO_HEAR, Decoded, SurveyedFile


def decoded_files(files: Sequence[SurveyedFile], *, progress: bool = False) -> list[SurveyedFile]:
    """The files with the faults that only decoding finds.

    Args:
        files: as their headers tell of them. What these call unreadable is passed on as it is.
        progress: whether a bar is shown on standard error.
    """
    done = {}
    wanted = [place for place, file in enumerate(files) if _is_worth_it(file)]
    with (
        tqdm(
            total=len(wanted), desc="decoding", unit="file", disable=not progress, leave=False
        ) as bar,
        WorkerPool(decode_file, num_workers=min(8, os.cpu_count() or 1)) as pool,
    ):
        run = pool.run(files[place] for place in wanted)
        for place, (file, messages) in zip(wanted, run, strict=True):
            done[place] = _last_of(file, messages)
            bar.update()
    return [done.get(place, file) for place, file in enumerate(files)]


def decode_file(file: SurveyedFile) -> Iterator[Decoded | SurveyedFile]:
    """What a worker does: signs of life, and in the end the file with what was found.

    Args:
        file: one that its header calls readable.
    """
    if file.kind == "recording":
        yield (yield from listened_to(file))
    else:
        yield (yield from looked_at(file))


def _is_worth_it(file: SurveyedFile) -> bool:
    return file.is_readable and not file.has(*NOTHING_TO_HEAR)


def _last_of(file: SurveyedFile, messages: Iterator[Decoded | SurveyedFile]) -> SurveyedFile:
    found = file
    try:
        for message in messages:
            if isinstance(message, SurveyedFile):
                found = message
    except TaskNotDone as error:
        return file.with_fault("unreadable", f"its decoder did not come to an end: {error}.")
    return found
