"""Which recording an address means: names of files are never part of one."""

from __future__ import annotations

import re

from fastapi import HTTPException, Request

from app.web.recordings import OpenRecording

MISSING = "There is no such recording (any more): uploads are deleted after a while. Upload it again."


def recording_of(request: Request, name: str) -> OpenRecording:
    """The recording of a prediction ("h" and its number), or an upload (its random name).

    Raises:
        HTTPException: 404, there is none.
        NotServedError: the service was given no prediction.
    """
    found = re.fullmatch(r"h(\d{1,9})", name)
    if found is None:
        raise HTTPException(404, MISSING)
    heard = request.app.state.workspace.heard
    number = int(found.group(1))
    if number >= len(heard.files):
        raise HTTPException(404, MISSING)
    file = heard.files[number]
    try:
        path = heard.path_of(file)
    except FileNotFoundError as error:
        raise HTTPException(404, str(error)) from error
    return OpenRecording(
        name, file.file, path, heard.events_of(file.file), heard.thresholds, heard.is_certified
    )
