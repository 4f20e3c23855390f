"""Recordings and photos as recorders and cameras leave them on a card."""

import struct
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from archives.survey.records import Clock, SurveyedFile

NOISE = np.random.default_rng(0).integers(-3000, 3000, 16_000).astype("<i2")


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\x00" * (len(content) % 2)


@pytest.fixture
def wav() -> Callable[..., Path]:
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
        path.write_bytes(b"RIFF" + struct.pack("<I", len(body) + length - len(sound)) + body)
        return path

    return write


@pytest.fixture
def exif_block() -> Callable[..., bytes]:
    """A TIFF directory with a model, and one inside it with the time: as cameras write them."""

    def make(order, model, time, offset):
        texts = [(text.encode() + b"\x00").ljust(32, b"\x00") for text in (model, time, offset)]
        inner_at, texts_at = 38, 68
        outer = [(0x0110, 2, len(model) + 1, texts_at), (0x8769, 4, 1, inner_at)]
        inner = [(0x9003, 2, len(time) + 1, texts_at + 32)]
        inner += [(0x9011, 2, len(offset) + 1, texts_at + 64)]
        block = {"<": b"II*\x00", ">": b"MM\x00*"}[order] + struct.pack(order + "I", 8)
        for entries in (outer, inner):
            packed = b"".join(struct.pack(order + "HHII", *entry) for entry in entries)
            block += struct.pack(order + "H", 2) + packed + struct.pack(order + "I", 0)
        return block + b"".join(texts)

    return make


@pytest.fixture(scope="session")
def recording() -> Callable[..., SurveyedFile]:
    """A recording with a clock, of which nothing lies on a disk."""

    def make(start, seconds=60.0, *, folder="pond", serial=None, recorder=None):
        time = datetime.fromisoformat(start) if isinstance(start, str) else start
        file = SurveyedFile(Path(folder, f"{time:%Y%m%d_%H%M%S}.WAV"), "recording", 100)
        return replace(
            file,
            duration_seconds=seconds,
            clock=Clock(time, "name"),
            serial=serial,
            recorder=recorder or serial,
        )

    return make


@pytest.fixture(scope="session")
def nights() -> Callable[..., list[datetime]]:
    """Starts of a recorder that runs for ten hours every night."""

    def make(num, minutes=10, first="2023-05-14T20:00"):
        begin = datetime.fromisoformat(first)
        return [
            begin + timedelta(days=night, minutes=passed)
            for night in range(num)
            for passed in range(0, 600, minutes)
        ]

    return make
