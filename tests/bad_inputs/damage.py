"""Damage to good files, as cards, cables and transmissions do it, and more."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np

from tests.bad_inputs.good_media import encoded_photo, encoded_sound, film, photo, song

Deed = Literal["flip", "set", "number", "delete", "insert", "duplicate", "zero", "cut"]
DEEDS: tuple[Deed, ...] = get_args(Deed)
NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
"""Those at which programs err."""


class Damage(NamedTuple):
    """One thing that happens to a file.

    Attributes:
        deed: what happens.
        place: int >= 0, where, modulo the length of the file.
        length: int >= 1, to how many bytes.
        value: int in [0, 2**32), what is put there.
    """

    deed: Deed
    place: int
    length: int
    value: int


def damaged(content: bytes, damages: Sequence[Damage]) -> bytes:
    """The file after all that has happened to it, one thing after the other."""
    for deed, place, length, value in damages:
        if not content:
            break
        place %= len(content)
        before, hit, after = content[:place], content[place : place + length], content[place:]
        behind = content[place + length :]
        if deed == "flip":
            content = before + bytes([after[0] ^ (1 << value % 8)]) + after[1:]
        elif deed == "set":
            content = before + bytes([value % 256]) + after[1:]
        elif deed == "number":
            order: Literal["little", "big"] = "little" if length % 2 else "big"
            content = before + NUMBERS[value % len(NUMBERS)].to_bytes(4, order) + after[4:]
        elif deed == "delete":
            content = before + behind
        elif deed == "insert":
            content = before + np.random.default_rng(value).bytes(length) + after
        elif deed == "duplicate":
            content = before + hit + after
        elif deed == "zero":
            content = before + bytes(len(hit)) + behind
        else:
            content = before
    return content


def random_damages(rng: np.random.Generator, num_bytes: int) -> list[Damage]:
    """One to eight of them; most where the headers are: at the front, some at the end."""
    return [_random_damage(rng, num_bytes) for _ in range(rng.integers(1, 9))]


def _random_damage(rng: np.random.Generator, num_bytes: int) -> Damage:
    first, last = [(0, 100), (0, 1000), (0, num_bytes), (num_bytes - 1000, num_bytes)][
        rng.integers(0, 4)
    ]
    place = int(rng.integers(max(0, first), max(1, min(last, num_bytes))))
    length = int(2 ** rng.uniform(0, 10))
    weights = np.array([4, 4, 4, 1, 1, 1, 1, 0.3])
    deed = DEEDS[rng.choice(len(DEEDS), p=weights / weights.sum())]
    return Damage(deed, place, length, int(rng.integers(0, 2**32)))


def good_files() -> dict[str, bytes]:
    """One good file of each kind, by its extension; always the same ones."""
    rng = np.random.default_rng(0)
    waveform, image = song(rng, 1.0), photo(rng)
    return {
        ".wav": encoded_sound(waveform, "WAV", "PCM_16"),
        ".float.wav": encoded_sound(waveform, "WAV", "FLOAT"),
        ".flac": encoded_sound(waveform, "FLAC"),
        ".mp3": encoded_sound(waveform, "MP3"),
        ".ogg": encoded_sound(waveform, "OGG", "VORBIS"),
        ".opus": encoded_sound(waveform, "OGG", "OPUS"),
        ".aiff": encoded_sound(waveform, "AIFF", "PCM_16"),
        ".m4a": film(rng, container="ipod", num_frames=0, seconds=1.0),
        ".jpg": encoded_photo(".jpg", image),
        ".png": encoded_photo(".png", image),
        ".tiff": encoded_photo(".tiff", image),
        ".webp": encoded_photo(".webp", image),
        ".gif": encoded_photo(".gif", image),
        ".bmp": encoded_photo(".bmp", image),
        ".mp4": film(rng, num_frames=10, seconds=1.0),
        ".mkv": film(rng, container="matroska", num_frames=10, seconds=1.0),
        ".avi": film(rng, container="avi", codec="mjpeg", num_frames=10, seconds=1.0),
    }
