"""One file of an archive: what it is, by its name and its header, without decoding it."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from archives.survey.name_clocks import read_name_clock
from archives.survey.probe_photo import probe_photo
from archives.survey.probe_recording import probe_recording
from archives.survey.probe_video import probe_video
from archives.survey.records import Clock, Kind, SurveyedFile
from media.audio import AUDIO_EXTENSIONS
from media.content import describe_content
from media.errors import UnreadableMediaError
from media.files import read_head
from media.images import IMAGE_EXTENSIONS
from media.video import VIDEO_EXTENSIONS

_PROBES: dict[Kind, Callable[[SurveyedFile], SurveyedFile]] = {
    "photo": probe_photo,
    "recording": probe_recording,
    "video": probe_video,
}
_KIND_IN_WORDS = re.compile(r"(image|recording|video|document|archive)$|^text")
_TRUST = {"exif": 0, "name": 1, "header": 2, "container": 3}
_USUAL_FORMATS = {
    ".jpg": {"JPEG"},
    ".jpeg": {"JPEG"},
    ".png": {"PNG"},
    ".gif": {"GIF"},
    ".bmp": {"BMP"},
    ".tif": {"TIFF"},
    ".tiff": {"TIFF"},
    ".webp": {"WebP"},
    ".wav": {"WAV", "RF64", "W64"},
    ".flac": {"FLAC"},
    ".mp3": {"MP3"},
    ".ogg": {"OGG"},
    ".oga": {"OGG"},
    ".opus": {"OGG"},
    ".aif": {"AIFF"},
    ".aiff": {"AIFF"},
    ".m4a": {"M4A", "MP4", "MOV"},
}


def kind_of(path: Path) -> Kind:
    """What a file's name says that it is."""
    suffix = path.suffix.lower()
    if suffix in IMAGE_EXTENSIONS:
        return "photo"
    if suffix in AUDIO_EXTENSIONS:
        return "recording"
    return "video" if suffix in VIDEO_EXTENSIONS else "other"


def probe_file(path: Path) -> SurveyedFile:
    """A file's header and clocks. Never raises for a file that is bad: that is told as a fault.

    Args:
        path: of the file.
    """
    file, head = SurveyedFile(path, kind_of(path), 0), b""
    try:
        file = replace(file, num_bytes=path.stat().st_size)
        if file.kind == "other":
            return file
        head = read_head(path) if file.num_bytes else b""
        if not head.strip(b"\x00"):
            return _empty(file)
        file = _PROBES[file.kind](file)
    except UnreadableMediaError as error:
        return _with_name_clock(_unreadable(file, error.reason, head))
    except OSError as error:  # gone, not permitted, a link that leads nowhere, a broken disk
        what = "a link that leads nowhere" if path.is_symlink() else error.strerror or str(error)
        return file.with_fault("unreadable", f"{what}. Check the disk and the permissions.")
    return _with_name_clock(_with_note_on_name(file))


def _empty(file: SurveyedFile) -> SurveyedFile:
    what = "nothing but zero bytes" if file.num_bytes else "0 bytes"
    return _with_name_clock(
        file.with_fault("empty", f"{what}. Copy it again from its source, or remove it.")
    )


def _unreadable(file: SurveyedFile, reason: str, head: bytes) -> SurveyedFile:
    found = _KIND_IN_WORDS.search(describe_content(head))
    is_other = found is not None and found[1] != {"photo": "image"}.get(file.kind, file.kind)
    return file.with_fault("other_content" if is_other else "unreadable", reason)


def _with_note_on_name(file: SurveyedFile) -> SurveyedFile:
    usual = _USUAL_FORMATS.get(file.path.suffix.lower())
    if usual is None or file.format is None or file.format in usual:
        return file
    note = f"named {file.path.suffix}, holds {file.format}: read by its content all the same"
    return replace(file, notes=(*file.notes, note))


def _with_name_clock(file: SurveyedFile) -> SurveyedFile:
    """All clocks in order of trust: EXIF, the name, the recorder's header, the container."""
    named = read_name_clock(file.path.stem, file.path.suffix)
    if named is None:
        return file
    clocks: list[Clock] = [named.clock, *([file.clock] if file.clock else [])]
    clocks.sort(key=lambda clock: _TRUST[clock.source])
    return replace(
        file,
        clock=clocks[0],
        other_clocks=tuple(clocks[1:]),
        recorder=(named.recorder if named.serial else file.recorder) or named.recorder,
        serial=file.serial or named.serial,
    )
