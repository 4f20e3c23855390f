"""A file that takes its decoder along costs itself alone."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from archives.pool import WorkerDied
from archives.survey import deep
from archives.survey.probe import probe_file
from archives.survey.records import Decoded, SurveyedFile
from media import save_waveform

SONG = 0.5 * np.sin(np.arange(25 * 16_000) / 5)


def test_a_file_whose_decoder_dies_is_told_as_unreadable(tmp_path: Path) -> None:
    save_waveform(tmp_path / "a.wav", SONG, 16_000)

    def dying() -> Iterator[Decoded]:
        yield Decoded(10.0)
        raise WorkerDied("died of SIGSEGV")

    found = deep._last_of(probe_file(tmp_path / "a.wav"), dying())
    [fault] = found.faults
    assert (fault.kind, "died of SIGSEGV" in fault.text) == ("unreadable", True)


def test_a_long_recording_gives_signs_of_life(tmp_path: Path) -> None:
    save_waveform(tmp_path / "a.wav", SONG, 16_000)
    *signs, found = deep.decode_file(probe_file(tmp_path / "a.wav"))
    assert sum(sign.seconds for sign in signs) == 25.0
    assert isinstance(found, SurveyedFile)
    assert not found.faults
