"""One file of an archive: what it is, by its name and its header, without decoding it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from archives.survey.clocks import with_clocks
from archives.survey.records import SurveyedFile
from fused_encoder.front_ends import YAMNET
from media import AUDIO_EXTENSIONS, IMAGE_EXTENSIONS, VIDEO_EXTENSIONS
from media.errors import UnreadableMediaError
from media.files import read_head
from media.headers import (
    MediaHeader,
    MediaKind,
    content_kind,
    read_photo_header,
    read_recording_header,
    read_video_header,
)

_READERS: dict[MediaKind, Callable[[Path], MediaHeader]] = {
    "photo": read_photo_header,
    "recording": read_recording_header,
    "video": read_video_header,
}
_FORMATS = {"jpeg", "png", "gif", "bmp", "tiff", "webp", "wav", "flac", "mp3", "ogg", "aiff", "m4a"}
"""Whose names end as they are called, or as an alias."""
_ALIASES = {"jpg": "jpeg", "tif": "tiff", "aif": "aiff", "oga": "ogg", "opus": "ogg"}
_ALIASES |= {"rf64": "wav", "w64": "wav", "mp4": "m4a", "mov": "m4a"}
_LEAST_SPARE_BYTES = 4096


def probe_file(path: Path) -> SurveyedFile:
    """A file's header and clocks. Never raises for a file that is bad: that is told as a fault."""
    file, head = SurveyedFile(path, kind_of(path), 0), b""
    try:
        file = replace(file, num_bytes=path.stat().st_size)
        if file.kind == "other":
            return file
        head = read_head(path) if file.num_bytes else b""
        if not head.strip(b"\x00"):
            what = "nothing but zero bytes" if file.num_bytes else "0 bytes"
            file = file.with_fault("empty", f"{what}. Copy it again from its source, or remove it.")
        else:
            file = _with_header(file, _READERS[file.kind](path))
    except UnreadableMediaError as error:
        is_other = content_kind(head) not in (None, file.kind)
        file = file.with_fault("other_content" if is_other else "unreadable", error.reason)
    except OSError as error:  # gone, not permitted, a link that leads nowhere, a broken disk
        what = "a link that leads nowhere" if path.is_symlink() else error.strerror or str(error)
        return file.with_fault("unreadable", f"{what}. Check the disk and the permissions.")
    return with_clocks(file)


def kind_of(path: Path) -> MediaKind:
    """What a file's name says that it is."""
    suffix = path.suffix.lower()
    if suffix in IMAGE_EXTENSIONS:
        return "photo"
    if suffix in AUDIO_EXTENSIONS:
        return "recording"
    return "video" if suffix in VIDEO_EXTENSIONS else "other"


def _with_header(file: SurveyedFile, header: MediaHeader) -> SurveyedFile:
    file = replace(file, header=header)
    named, found = (
        _ALIASES.get(name.lower(), name.lower())
        for name in (file.path.suffix[1:], header.format or "")
    )
    if file.kind != "video" and named in _FORMATS and found not in ("", named):
        note = f"named {file.path.suffix}, holds {header.format}: read by its content all the same"
        file = replace(file, notes=(note,))
    if file.kind == "recording":
        file = _with_sound_faults(file, header)
    if not header.is_complete and not file.has("no_sound"):
        file = file.with_fault("truncated", _missing_end(file))
    return file


def _with_sound_faults(file: SurveyedFile, header: MediaHeader) -> SurveyedFile:
    if 0 in (header.announced_bytes, header.present_bytes):
        spare = file.num_bytes - 44
        has_rest = spare > _LEAST_SPARE_BYTES and not header.announced_bytes
        rest = f", though {spare} bytes follow" if has_rest else ""
        return file.with_fault(
            "no_sound",
            f"its header announces {header.announced_bytes or 0} bytes of sound{rest}: the recorder stopped"
            " before it closed the file. Remove it, or mend its header.",
        )
    seconds = header.duration_seconds
    if seconds is not None and seconds < YAMNET.min_seconds:
        return file.with_fault(
            "too_short",
            f"{seconds:.4f} s of sound, expected at least {YAMNET.min_seconds} s. Remove it.",
        )
    return file


def _missing_end(file: SurveyedFile) -> str:
    header = file.header
    if file.kind == "photo":
        return (
            f"the end of the {header.format} is missing: it will be skipped. Copy it again from its"
            " source, or remove it."
        )
    what = "bytes of sound" if header.format == "WAV" else "bytes"
    return (
        f"its header announces {header.announced_bytes} {what}, the file holds {header.present_bytes}:"
        " the card was full, the battery empty, or the copy broke off. What is there can be used."
        " Copy it again if the card has more."
    )
