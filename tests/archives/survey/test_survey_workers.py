"""A file that takes its decoder along costs itself alone."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from archives.survey import deep
from archives.survey.probe import probe_file
from archives.survey.records import Decoded, SurveyedFile
from media import save_waveform

SONG = 0.5 * np.sin(np.arange(25 * 16_000) / 5)


def dying(file: SurveyedFile) -> Iterator[Decoded]:
    yield Decoded(10.0)
    os.kill(os.getpid(), signal.SIGSEGV)


def test_a_file_whose_decoder_dies_is_told_as_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_waveform(tmp_path / "a.wav", SONG, 16_000)
    monkeypatch.setattr(deep, "decode_file", dying)
    [found] = deep.decoded_files([probe_file(tmp_path / "a.wav")])
    [fault] = found.faults
    assert (fault.kind, fault.text) == ("unreadable", "its decoder died of SIGSEGV.")


def test_a_long_recording_gives_signs_of_life(tmp_path: Path) -> None:
    save_waveform(tmp_path / "a.wav", SONG, 16_000)
    *signs, found = deep.decode_file(probe_file(tmp_path / "a.wav"))
    assert sum(sign.seconds for sign in signs) == 25.0
    assert isinstance(found, SurveyedFile)
    assert not found.faults
