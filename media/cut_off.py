"""Recordings that end before their end: what each format shows of it without being decoded."""

import os
import re
from pathlib import Path

_BYTES_LACK = re.compile(
    r"^ *(?:data|SSND|BODY|Data Size) *: (?P<announced>\d+) \(should be (?P<present>\d+)\)", re.M
)
_SAMPLES_LACK = re.compile(
    r"frame count (?P<present>\d+) does not match value from 'ds64' chunk of (?P<announced>\d+)"
)
_BYTES_UNKNOWN = 0x7FFFFFFF
"""What the header of a file announces, or more, that was written to a pipe."""
NO_LAST_PAGE = "it has no last page, as if it were cut off"
_LONGEST_OGG_PAGE_BYTES = 27 + 255 + 255 * 255
_MP3_LEAST_FRAME_BYTES = 24
_MP3_KILOBITS = (
    (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),  # below 32 kHz
    (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
)


def lack_of_data(log: str) -> tuple[str | None, float]:
    """Of WAV, AIFF, AU and RF64, what is missing, in words, and which share of the sound is there.

    libsndfile only logs it.
    """
    for pattern, unit in ((_BYTES_LACK, "bytes of sound"), (_SAMPLES_LACK, "samples")):
        if found := pattern.search(log):
            present, announced = int(found["present"]), int(found["announced"])
            is_open = pattern is _BYTES_LACK and announced >= _BYTES_UNKNOWN
            if present < announced and not is_open:  # else the header is merely odd
                words = f"it holds {present} of the {announced} {unit} that its header announces"
                return words, max(1, present) / announced
    return None, 1.0


def ogg_is_cut_off(path: Path) -> bool:
    """The last page of an Ogg stream says that it is; what was cut off has none such."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 2 * _LONGEST_OGG_PAGE_BYTES))
        tail = file.read()
    page = tail[max(0, tail.rfind(b"OggS\0")) :]
    if len(page) < 27:
        return True
    segments = page[27 : 27 + page[26]]
    is_last = bool(page[5] & 0x04)
    return not is_last or len(page) < 27 + page[26] + sum(segments)


def mp3_announced_seconds(path: Path, sample_rate_hz: int) -> float | None:
    """By the table that most encoders put into a first frame without sound."""
    with path.open("rb") as file:
        tag = file.read(10)
        if tag[:3] == b"ID3":
            file.seek(10 + sum((tag[6 + place] & 0x7F) << (21 - 7 * place) for place in range(4)))
        else:
            file.seek(0)
        head = file.read(4096)
    place = max(head.find(b"Xing"), head.find(b"Info"))
    if place < 0 or not int.from_bytes(head[place + 4 : place + 8], "big") & 1:
        return None
    num_frames = int.from_bytes(head[place + 8 : place + 12], "big")
    if num_frames * _MP3_LEAST_FRAME_BYTES > path.stat().st_size:  # a damaged table
        return None
    return num_frames * (1152 if sample_rate_hz >= 32_000 else 576) / sample_rate_hz


def lack_of_mp3(packet: bytes, sample_rate_hz: int) -> str | None:
    """A file that is cut at some byte rarely ends with a whole frame."""
    is_mp3_frame = len(packet) > 3 and packet[0] == 0xFF and packet[1] & 0xE6 == 0xE2
    if not is_mp3_frame or packet[2] >> 4 in (0, 15):
        return None
    is_mpeg_1 = packet[1] & 0x18 == 0x18
    kilobits = _MP3_KILOBITS[is_mpeg_1][(packet[2] >> 4) - 1]
    num_bytes = (144 if is_mpeg_1 else 72) * 1000 * kilobits // sample_rate_hz
    missing = num_bytes + (packet[2] >> 1 & 1) - len(packet)
    if missing <= 0:
        return None
    return f"it lacks the last {missing} bytes of its last frame, as if it were cut off"
