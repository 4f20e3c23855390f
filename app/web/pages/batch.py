"""Ask about many files at once: a table with a line for each, also for those that cannot be used."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, File, Query, Request, UploadFile
from starlette.responses import Response

from app.web.api.asked import embed_upload
from app.web.api.search import nearest
from app.web.busy import BusyError
from app.web.pages.ask import NUM_HITS, Asked
from app.web.pages.listen import as_download
from app.web.services import Services, services
from app.web.uploads import Upload
from app.web.views import render
from media import UnreadableMediaError
from media.cells import csv_text

router = APIRouter()
AT_ONCE, PAGE_ROWS = 8, 100
TRIES, WAIT_SECONDS = 20, 0.5
COLUMNS = (
    "file",
    "kind",
    "nearest",
    "similarity",
    "probability",
    "status",
    "individual",
    "why_not",
)


@dataclass(frozen=True)
class Line:
    """One file of a batch, and its answer.

    Attributes:
        file: its name.
        kind: "photo", "recording", ...
        asked: name of the answer; "" where there is none.
        nearest: class (or id) of the nearest row.
        similarity: float, of it.
        probability: float, that both show one individual.
        status: what the catalogue says.
        individual: id of a known one.
        why_not: why it could not be used; "" where it could.
    """

    file: str
    kind: str
    asked: str = ""
    nearest: str = ""
    similarity: float | None = None
    probability: float | None = None
    status: str = ""
    individual: str = ""
    why_not: str = ""


@dataclass(frozen=True)
class Batch:
    """The lines of a batch."""

    lines: tuple[Line, ...]


@router.post("/ask/batch")
async def ask_all(request: Request, files: Annotated[list[UploadFile], File()]) -> dict[str, str]:
    """Answers for each file, and each file in a zip; gives the table's address."""
    state = services(request)
    most = state.workspace.settings.limits.files
    if len(files) > most:
        raise ValueError(
            f"{len(files)} files, at most {most} are taken at once. Send them in parts."
        )
    _ = state.workspace.settings.index or state.workspace.index
    uploads: list[Upload] = []
    lines: list[Line] = []
    for file in files:
        try:
            upload = await state.uploads.keep(file)
            if upload.kind != "zip":
                uploads.append(upload)
                continue
            uploads += await state.uploads.unpack(upload)
            state.uploads.delete([upload])
        except UnreadableMediaError as error:
            lines.append(Line(file.filename or "a file", "other", why_not=error.reason))
    if len(uploads) > most:
        state.uploads.delete(uploads)
        raise ValueError(
            f"{len(uploads)} files, at most {most} are taken at once. Send them in parts."
        )
    for first in range(0, len(uploads), AT_ONCE):
        some = uploads[first : first + AT_ONCE]
        lines += await asyncio.gather(*(_line(state, upload) for upload in some))
    return {"address": f"/ask/batch/{state.asked.put(Batch(tuple(lines)))}"}


@router.get("/ask/batch/{name}")
def table(request: Request, name: str, start: Annotated[int, Query(ge=0)] = 0) -> Response:
    """The table."""
    lines = services(request).asked.get(name, Batch).lines
    return render(
        request,
        "ask_batch.html",
        name=name,
        lines=lines[start : start + PAGE_ROWS],
        num=len(lines),
        num_refused=sum(bool(line.why_not) for line in lines),
        start=start,
        page_rows=PAGE_ROWS,
        has_catalogue=services(request).workspace.served["catalogue"],
    )


@router.get("/ask/batch/{name}/table.csv")
def as_csv(request: Request, name: str) -> Response:
    """The table, for a spreadsheet."""
    lines: Sequence[Line] = services(request).asked.get(name, Batch).lines
    rows = [[getattr(line, column) for column in COLUMNS] for line in lines]
    content = csv_text(COLUMNS, rows).encode("utf-8-sig", "backslashreplace")
    return Response(content, media_type="text/csv", headers=as_download("answers.csv"))


async def _line(state: Services, upload: Upload) -> Line:
    photo = upload if upload.kind == "photo" else None
    recording = upload if upload.kind == "recording" else None
    if photo is recording is None:
        state.uploads.delete([upload])
        return Line(upload.shown_name, upload.kind, why_not="neither a photo nor a recording")
    try:
        asked = await _patiently(state, photo, recording)
    except (UnreadableMediaError, ValueError) as error:
        state.uploads.delete([upload])
        reason = error.reason if isinstance(error, UnreadableMediaError) else str(error)
        return Line(upload.shown_name, upload.kind, why_not=reason)
    answer = asked.answer
    first, who = answer.hits[0] if answer.hits else None, answer.individual
    return Line(
        upload.shown_name,
        upload.kind,
        state.asked.put(asked),
        str(first.metadata.get("class") or first.id) if first else "",
        first.similarity if first else None,
        first.probability if first else None,
        who.status if who else "",
        (who.individual or "") if who else "",
    )


async def _patiently(state: Services, photo: Upload | None, recording: Upload | None) -> Asked:
    """Waits where others are served first: a batch has been let in already."""
    for _ in range(TRIES):
        try:
            found = await embed_upload(state, photo, recording)
            return Asked(await nearest(state, found, k=NUM_HITS), found, photo, recording)
        except BusyError:
            await asyncio.sleep(WAIT_SECONDS)
    raise ValueError("The service is too busy. Send this file again later.")
