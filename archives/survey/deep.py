"""Every file decoded to its end, in processes that may crash of it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from tqdm.auto import tqdm

from archives.survey.deep_sight import looked_at
from archives.survey.deep_sound import listened_to
from archives.survey.records import NOTHING_TO_HEAR, Decoded, SurveyedFile
from archives.workers import Ended, Workers


def decoded_files(files: Sequence[SurveyedFile], *, progress: bool = False) -> list[SurveyedFile]:
    """The files with the faults that only decoding finds.

    Args:
        files: as their headers tell of them. What these call unreadable is passed on as it is.
        progress: whether a bar is shown on standard error.
    """
    done = {}
    wanted = [file for file in files if _is_worth_it(file)]
    with (
        tqdm(
            total=len(wanted), desc="decoding", unit="file", disable=not progress, leave=False
        ) as bar,
        Workers(decode_file, num_workers=min(8, os.cpu_count() or 1)) as workers,
    ):
        for file, message in workers.run(wanted):
            if isinstance(message, SurveyedFile):
                done[file.path] = message
            elif isinstance(message, Ended):
                if message.crash is not None:
                    text = f"its decoder {message.crash}."
                    done[file.path] = file.with_fault("unreadable", text)
                bar.update()
    return [done.get(file.path, file) for file in files]


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
