"""Recordings as recorders leave them on a card."""

import struct
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from archives.survey import Clock, SurveyedFile
from media.headers import MediaHeader

NOISE = np.random.default_rng(0).integers(-3000, 3000, 16_000).astype("<i2")


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\x00" * (len(content) % 2)


@pytest.fixture(scope="session")
def wav():
    """Writes a WAV by hand, with a comment or GUANO where they are given."""

    def write(path, samples=NOISE[:1600], rate=16_000, comment="", guano="", announced=None):
        path.parent.mkdir(parents=True, exist_ok=True)
        sound = samples.tobytes()
        body = b"WAVE" + _chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, rate, 2 * rate, 2, 16))
        if comment:
            body += _chunk(b"LIST", b"INFO" + _chunk(b"ICMT", comment.encode()))
        if guano:
            body += _chunk(b"guan", guano.encode())
        length = len(sound) if announced is None else announced
        body += b"data" + struct.pack("<I", length) + sound
        path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
        return path

    return write


@pytest.fixture(scope="session")
def recording():
    """A recording with a clock, of which nothing lies on a disk."""

    def make(start, seconds=60.0, *, folder="pond", serial=None, recorder=None):
        time = datetime.fromisoformat(start) if isinstance(start, str) else start
        file = SurveyedFile(Path(folder, f"{time:%Y%m%d_%H%M%S}.WAV"), "recording", 100)
        return replace(
            file,
            header=MediaHeader(duration_seconds=seconds),
            clock=Clock(time, "name"),
            serial=serial,
            recorder=recorder or serial,
        )

    return make


@pytest.fixture(scope="session")
def nights():
    """Starts of a recorder that runs for ten hours every night."""

    def make(num, minutes=10, first="2023-05-14T20:00"):
        begin = datetime.fromisoformat(first)
        return [
            begin + timedelta(days=night, minutes=passed)
            for night in range(num)
            for passed in range(0, 600, minutes)
        ]

    return make
