"""Which recording an address means: names of files are never part of one."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass, replace
from pathlib import Path

from fastapi import HTTPException, Request

from app.web.heard import HeardFolder
from app.web.job_kinds import HEARD
from app.web.jobs import Job
from app.web.recordings import OpenRecording
from app.web.services import Services, services
from app.web.spectrogram_tiles import SpectrogramShape

GONE = "There is no such recording (any more)."
MOST_SHAPES = 512
_shapes: dict[tuple[Path, int], SpectrogramShape] = {}


@dataclass
class Listening:
    """A job that listens to an upload, and what it wrote."""

    job: Job
    heard: HeardFolder | None = None


def listening_name(name: str) -> str:
    """Under which the listening to a recording is kept."""
    return f"listening-{name}"


def row_name(id_: str) -> str:
    """How addresses name the recording of a row of the index."""
    return "r" + base64.urlsafe_b64encode(id_.encode("utf-8", "surrogateescape")).decode().rstrip(
        "="
    )


async def recording_of(request: Request, name: str) -> OpenRecording:
    """The recording that an address names.

    Args:
        request: of whatever page.
        name: "h" and the number of a recording of the prediction; "u" and the random name of an upload; or
            `row_name` of a row of the index.
    Raises:
        HTTPException: 404, there is none.
        NotServedError: the service was given no prediction, or no index.
    """
    state = services(request)
    if re.fullmatch(r"h\d{1,9}", name):
        return await state.work.run(_heard, state, int(name[1:]), name)
    if re.fullmatch(r"u[0-9a-f]{32}", name):
        return _uploaded(state, name)
    if re.fullmatch(r"r[\w-]+", name, re.ASCII):
        return await state.work.run(_of_row, state, name)
    raise HTTPException(404, GONE)


async def shape_of(request: Request, recording: OpenRecording) -> SpectrogramShape:
    """The size of its spectrogram; UnreadableMediaError where its length cannot be told."""
    key = recording.path, recording.path.stat().st_mtime_ns
    if key not in _shapes:
        if len(_shapes) >= MOST_SHAPES:
            _shapes.clear()
        _shapes[key] = await services(request).uploads.spectrogram_shape(recording.path)
    return _shapes[key]


def _heard(state: Services, number: int, name: str) -> OpenRecording:
    heard = state.workspace.heard
    if number >= len(heard.files):
        raise HTTPException(404, GONE)
    file = heard.files[number]
    try:
        path = heard.path_of(file)
    except FileNotFoundError as error:
        raise HTTPException(404, str(error)) from error
    events = heard.events_of(file.file)
    return OpenRecording(name, file.file, path, events, heard.thresholds, heard.is_certified)


def _uploaded(state: Services, name: str) -> OpenRecording:
    upload = state.uploads.get(name[1:])
    if upload.kind != "recording":
        raise HTTPException(404, GONE)
    recording = OpenRecording(name, upload.shown_name, upload.path)
    listening = state.asked.find(listening_name(name), Listening)
    if listening is None:
        return recording
    if listening.heard is None and listening.job.state == "done":
        listening.heard = HeardFolder(listening.job.folder / HEARD)
    if listening.heard is None:
        return replace(recording, job=listening.job)
    heard = listening.heard
    events = [replace(event, file=upload.shown_name) for event in heard.every_event]
    return replace(
        recording, events=events, thresholds=heard.thresholds, is_certified=heard.is_certified
    )


def _of_row(state: Services, name: str) -> OpenRecording:
    try:
        id_ = base64.urlsafe_b64decode(name[1:] + "=" * (-len(name[1:]) % 4))
        (row,) = state.workspace.index.get([id_.decode("utf-8", "surrogateescape")])
    except (binascii.Error, KeyError, UnicodeDecodeError) as error:
        raise HTTPException(404, GONE) from error
    path = Path(str(row.metadata.get("recording") or ""))
    if not path.is_file():
        raise HTTPException(404, f"The recording of the row {row.id!r} is not there any more.")
    return OpenRecording(name, path.name, path)
