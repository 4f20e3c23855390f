"""What photos, recordings and videos say of themselves before they are decoded."""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, Literal

import soundfile
from guano import GuanoFile
from PIL import ExifTags, Image
from PIL.JpegImagePlugin import JpegImageFile

from media.containers import open_container
from media.errors import UnreadableMediaError
from media.files import describe_content, read_head, unreadable_file
from media.images import load_image
from media.sound import probe_audio
from media.video import probe_video

MediaKind = Literal["photo", "recording", "video", "other"]

_KINDS: dict[str, MediaKind] = {"image": "photo", "recording": "recording", "video": "video"}
_KINDS |= {"document": "other", "archive": "other"}
_IMAGE_ENDS = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}
_TAIL_BYTES = 1 << 16
_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
_BITS |= {"FLOAT": 32, "DOUBLE": 64}
_LENGTH_UNKNOWN = range(0x7FFFFFFF, 1 << 32)
"""What programs that write a WAV into a pipe give as its length."""
_MOST_CHUNKS, _MOST_TEXT_BYTES = 1000, 1 << 16


@dataclass(frozen=True)
class MediaHeader:
    """A file's header; None for what it does not tell.

    Attributes:
        format: of the content, such as "WAV" or "JPEG".
        duration_seconds: float; in some formats a guess from the file's size.
        sample_rate_hz: of the sound.
        num_channels: of the sound.
        bits_per_sample: of the sound; None for lossy formats.
        width: pixels.
        height: pixels.
        frames_per_second: of a video.
        has_sound: whether a video has a sound track.
        announced_bytes: of the sound in a WAV, of all boxes in an MP4, MOV or M4A.
        present_bytes: how many of these the file holds.
        is_complete: False where the end of the file is known to be missing.
        notes: texts under `camera`, `time` and `time_zone` of EXIF, as it writes them; `comment` of a
            recording; `timestamp` and `serial` of GUANO; `creation_time` of a container.
    """

    format: str | None = None
    duration_seconds: float | None = None
    sample_rate_hz: int | None = None
    num_channels: int | None = None
    bits_per_sample: int | None = None
    width: int | None = None
    height: int | None = None
    frames_per_second: float | None = None
    has_sound: bool | None = None
    announced_bytes: int | None = None
    present_bytes: int | None = None
    is_complete: bool = True
    notes: dict[str, str] = field(default_factory=dict)


def content_kind(head: bytes) -> MediaKind | None:
    """What begins with these bytes, from `media.files.read_head`; None where they are not known."""
    words = describe_content(head).split()
    return "other" if words[0] == "text" else _KINDS.get(words[-1])


def read_photo_header(path: Path) -> MediaHeader:
    """Format, size, camera and time of a JPEG, PNG, GIF, BMP, TIFF or WebP, and whether its end is there.

    Reads a few kilobytes at both ends. Only a photo whose end is not where it should be is decoded.

    Raises:
        FileNotFoundError: nothing is at this path.
        UnreadableMediaError: it is no image of these kinds.
    """
    name = describe_content(read_head(path)).split()[1]
    try:
        with path.open("rb") as file:
            image = Image.open(file, formats=[name])
            header = MediaHeader(
                name, width=image.width, height=image.height, notes=_exif(image, name)
            )
            has_end = _has_end(file, name)
    except (KeyError, OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        height, width = load_image(path).shape[:2]  # says what is wrong
        return MediaHeader(name, width=width, height=height)
    try:
        if not has_end:
            load_image(path)
    except UnreadableMediaError:
        return replace(header, is_complete=False)
    return header


def read_recording_header(path: Path) -> MediaHeader:
    """Rate, channels, bits and length of a recording, and what its recorder wrote into it.

    A WAV without any sound gives its `announced_bytes` and `present_bytes`, and little else.

    Raises:
        FileNotFoundError: nothing is at this path.
        UnreadableMediaError: no decoder takes it.
    """
    read_head(path)
    wav = _read_wav(path)
    if wav.announced_bytes == 0 or wav.present_bytes == 0:
        return wav
    info = probe_audio(path)
    header = replace(
        wav,
        duration_seconds=info.duration_seconds,
        sample_rate_hz=info.sample_rate_hz,
        num_channels=info.num_channels,
    )
    try:
        with soundfile.SoundFile(os.fsencode(path)) as sound:
            return replace(
                header,
                format="WAV" if sound.format == "WAVEX" else sound.format,
                bits_per_sample=_BITS.get(sound.subtype),
                notes={"comment": sound.comment, **wav.notes},
            )
    except (soundfile.LibsndfileError, TypeError):  # TypeError: a name that ends with .raw
        return _with_container(header, path, "a recording")


def read_video_header(path: Path) -> MediaHeader:
    """Size, rate, length, sound and time of a video. Decodes its first frame, which knows the rotation.

    Raises:
        FileNotFoundError: nothing is at this path.
        UnreadableMediaError: no decoder takes it.
    """
    info = probe_video(path)
    header = MediaHeader(
        width=info.width,
        height=info.height,
        frames_per_second=info.average_frames_per_second,
        duration_seconds=info.duration_seconds,
        has_sound=info.has_audio,
    )
    return _with_container(header, path, "a video")


def _exif(image: Image.Image, name: str) -> dict[str, str]:
    if name == "PNG" and "exif" not in image.info:
        return {}  # Pillow would decode it to look for EXIF behind the pixels
    try:
        exif = image.getexif()
        inner = exif.get_ifd(ExifTags.IFD.Exif)
    except (OSError, SyntaxError, ValueError, TypeError, KeyError, struct.error):
        return {}  # damaged
    found = {
        "camera": exif.get(ExifTags.Base.Model),
        # The original time, which programs that save a photo again do not change.
        "time": inner.get(ExifTags.Base.DateTimeOriginal),
        "time_zone": inner.get(ExifTags.Base.OffsetTimeOriginal),
    }
    texts = {name: text.strip("\x00 ") for name, text in found.items() if isinstance(text, str)}
    return {name: text for name, text in texts.items() if text}


def _has_end(file: BinaryIO, name: str) -> bool:
    """Whether the end mark of a JPEG or PNG is near the end; the data of a JPEG never hold it."""
    if name not in _IMAGE_ENDS:
        return True
    file.seek(0)
    if name == "JPEG":
        JpegImageFile(file)  # reads to where the picture begins: a preview has an end of its own
    begin = file.tell()
    file.seek(max(begin, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
    return _IMAGE_ENDS[name] in file.read()


def _read_wav(path: Path) -> MediaHeader:
    """What the chunks of a WAV, RF64 or BW64 say that no library tells; of other files nothing."""
    header = MediaHeader()
    try:
        with path.open("rb") as file:
            form = file.read(12)
            if form[:4] not in {b"RIFF", b"RF64", b"BW64"} or form[8:] != b"WAVE":
                return header
            num_bytes = os.fstat(file.fileno()).st_size
            for name, size, position in _wav_chunks(file, num_bytes):
                if name == b"data":
                    room = num_bytes - position
                    announced = None if size in _LENGTH_UNKNOWN else size
                    header = replace(
                        header,
                        format="WAV",
                        announced_bytes=announced,
                        present_bytes=room if announced is None else min(size, room),
                        is_complete=announced is None or size <= room,
                    )
                elif name == b"guan":
                    header = replace(header, notes=_guano(file.read(min(size, _MOST_TEXT_BYTES))))
    except OSError as error:
        raise unreadable_file(path, error) from error
    return header


def _guano(content: bytes) -> dict[str, str]:
    try:
        fields = GuanoFile.from_string(content.decode("utf-8", "replace"))
        found = {
            "timestamp": fields.get("Timestamp"),
            "serial": fields.get("Serial") or fields.get("WA|Song Meter|Serial"),
        }
        return {name: str(value) for name, value in found.items() if value}
    except ValueError:  # a line without a colon, a time zone of 99 hours
        return {}


def _wav_chunks(file: BinaryIO, num_bytes: int) -> Iterator[tuple[bytes, int, int]]:
    """Name, size and position of each chunk; the file stands there."""
    position, long_size = 12, None
    for _ in range(_MOST_CHUNKS):
        if position + 8 > num_bytes:
            return
        file.seek(position)
        name, size = struct.unpack("<4sI", file.read(8))
        if name == b"ds64":
            long_size = int.from_bytes(file.read(16)[8:], "little")
            file.seek(position + 8)
        elif name == b"data" and long_size is not None:
            size = long_size
        yield name, size, position + 8
        position += 8 + size + size % 2


def _with_container(header: MediaHeader, path: Path, expected: str) -> MediaHeader:
    """With what FFmpeg tells of the file around its streams."""
    with open_container(path, expected) as container:
        names = container.format.name.split(",")
        metadata = container.metadata
        if container.streams.audio:
            audio = container.streams.audio[0].codec_context
            header = replace(header, sample_rate_hz=audio.sample_rate, num_channels=audio.channels)
    suffix = path.suffix.lower().removeprefix(".")
    time = metadata.get("com.apple.quicktime.creationdate") or metadata.get("creation_time")
    announced, present = _mp4_bytes(path)
    return replace(
        header,
        format=(suffix if suffix in names else names[0]).upper(),
        announced_bytes=announced,
        present_bytes=present,
        is_complete=announced == present,
        notes={"creation_time": time} if time else {},
    )


def _mp4_bytes(path: Path) -> tuple[int | None, int | None]:
    """Where the outermost boxes of an MP4, MOV or M4A end, and where the file does."""
    with path.open("rb") as file:
        num_bytes = os.fstat(file.fileno()).st_size
        if file.read(8)[4:] != b"ftyp":
            return None, None
        position = 0
        for _ in range(_MOST_CHUNKS):
            if position + 8 > num_bytes:
                break
            file.seek(position)
            head = file.read(16)
            size = int.from_bytes(head[:4], "big")
            if size == 1:  # a 64-bit size follows
                size = int.from_bytes(head[8:], "big")
            if size < 8:  # 0: to the end of the file
                break
            position += size
    return max(position, num_bytes), num_bytes
