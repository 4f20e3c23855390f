"""Listen: a recording of hours as a spectrogram, what was heard in it, and an export of what is shown."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import numpy as np
from fastapi import APIRouter, File, HTTPException, Query, Request, UploadFile
from starlette.responses import Response, StreamingResponse

from app.web.job_kinds import submit_classify
from app.web.pages.recording_of import Listening, listening_name, recording_of, shape_of
from app.web.playback import PlayableSound, byte_range
from app.web.recordings import Format, OpenRecording, export_events
from app.web.services import services
from app.web.spectrogram_tiles import FINEST_SECONDS, TILE_COLUMNS, TILE_ROWS
from app.web.views import render
from media import UnreadableMediaError
from soundscapes.events import Event, select_events

router = APIRouter()
PAGE_ROWS = 100
Number = Annotated[int, Query(ge=0)]
Species = Annotated[list[str] | None, Query()]


@router.get("/listen")
def recordings(request: Request, find: str = "", start: Number = 0) -> Response:
    """The recordings that there are."""
    workspace = request.app.state.workspace
    is_served = workspace.served["heard"]
    files = workspace.heard.files if is_served else []
    found = [one for one in files if find.casefold() in one.file.casefold()]
    return render(
        request,
        "listen_list.html",
        is_served=is_served,
        limits=workspace.settings.limits,
        has_classifier=workspace.served["sound_classifier"],
        num_files=len(files),
        files=found[start : start + PAGE_ROWS],
        num=len(found),
        start=start,
        page_rows=PAGE_ROWS,
        find=find,
    )


@router.post("/listen")
async def listen_to_upload(
    request: Request, recording: Annotated[UploadFile, File()]
) -> dict[str, str]:
    """Keeps a recording for a while, and starts listening to it; gives its address."""
    state = services(request)
    upload = await state.uploads.keep(recording)
    try:
        if upload.kind != "recording":
            raise UnreadableMediaError(upload.path, f"expected a recording, found a {upload.kind}.")
        await state.uploads.spectrogram_shape(upload.path)
        if state.workspace.served["sound_classifier"]:
            job = submit_classify(state.jobs, state.workspace, [upload])
            state.asked.put(Listening(job), listening_name(f"u{upload.name}"))
    except BaseException:
        state.uploads.delete([upload])
        raise
    return {"address": f"/listen/u{upload.name}"}


@router.get("/listen/{name}/job")
async def job(request: Request, name: str) -> Response:
    """How far the listening is; loads the page again at its end."""
    recording = await recording_of(request, name)
    if recording.job is None:
        return Response(headers={"HX-Refresh": "true"})
    return render(request, "listen_job.html", name=name, job=recording.job)


@router.post("/listen/{name}/cancel")
async def cancel(request: Request, name: str) -> Response:
    """Ends the listening."""
    recording = await recording_of(request, name)
    if recording.job is not None:
        services(request).jobs.cancel(recording.job.id)
    return Response(status_code=204, headers={"HX-Refresh": "true"})


@router.get("/listen/{name}")
async def listen(request: Request, name: str) -> Response:
    """One recording."""
    recording = await recording_of(request, name)
    return render(
        request,
        "listen.html",
        recording=recording,
        shape=await shape_of(request, recording),
        tile={"columns": TILE_COLUMNS, "rows": TILE_ROWS, "seconds": FINEST_SECONDS},
        species=sorted({event.species for event in recording.events}),
        thresholds=recording.thresholds or {},
    )


@router.get("/listen/{name}/events")
async def events(
    request: Request, name: str, species: Species = None, least: float = 0, gap: float | None = None
) -> dict[str, object]:
    """The detections that pass the filters, each as [start, end, species, score], and how many there are."""
    recording = await recording_of(request, name)
    shown = _shown(recording, species, least, gap)
    kept = _shown(recording, species, least, None)
    return {
        "num_all": len(recording.events),
        "num_kept": len(kept),
        "events": [[e.start_seconds, e.end_seconds, e.species, round(e.score, 4)] for e in shown],
    }


@router.get("/listen/{name}/export/{kind}")
async def export(
    request: Request,
    name: str,
    kind: Format,
    species: Species = None,
    least: float = 0,
    gap: float | None = None,
) -> Response:
    """What is shown, as a file for another program."""
    recording = await recording_of(request, name)
    shown = _shown(recording, species, least, gap)
    file, content = await services(request).work.run(export_events, shown, kind, recording.title)
    return Response(content, media_type="text/plain; charset=utf-8", headers=as_download(file))


@router.get("/listen/{name}/shape")
async def shape(request: Request, name: str) -> dict[str, float]:
    """What a page needs to know before it asks for tiles."""
    shape = await shape_of(request, await recording_of(request, name))
    return {
        "duration": shape.duration_seconds,
        "sample_rate_hz": shape.sample_rate_hz,
        "zooms": shape.num_zooms,
        "columns": TILE_COLUMNS,
        "rows": TILE_ROWS,
        "finest": FINEST_SECONDS,
    }


@router.get("/listen/{name}/tile/{zoom}/{number}")
async def tile(request: Request, name: str, zoom: int, number: int) -> Response:
    """A tile of the spectrogram, uint8, row by row from the highest frequency."""
    recording = await recording_of(request, name)
    shape = await shape_of(request, recording)
    uploads = services(request).uploads
    content = await uploads.spectrogram_tile(recording.path, shape, zoom, number)
    kept = {"Cache-Control": "private, max-age=3600"}
    return Response(content, media_type="application/octet-stream", headers=kept)


@router.get("/listen/{name}/sound.wav")
async def sound(
    request: Request, name: str, slower: Annotated[int, Query(ge=1, le=20)] = 1
) -> Response:
    """The recording as a WAV, of which the browser takes the parts that it plays."""
    recording, uploads = await recording_of(request, name), services(request).uploads
    shape = await shape_of(request, recording)

    async def waveform_of(rate: int, offset: float, seconds: float) -> np.ndarray:
        return await uploads.waveform(
            recording.path, sample_rate_hz=rate, seconds=seconds, start_seconds=offset
        )

    sound = PlayableSound(waveform_of, shape.duration_seconds, shape.sample_rate_hz, slower)
    asked = request.headers.get("range")
    found = byte_range(asked, sound.num_bytes)
    if found is None:
        nothing = {"Content-Range": f"bytes */{sound.num_bytes}"}
        raise HTTPException(416, "There is no such part.", nothing)
    first, last = found
    headers = {"Accept-Ranges": "bytes", "Content-Length": str(last + 1 - first)}
    if asked:
        headers["Content-Range"] = f"bytes {first}-{last}/{sound.num_bytes}"
    content = sound.read(first, last)
    return StreamingResponse(content, 206 if asked else 200, headers, "audio/wav")


def as_download(name: str) -> dict[str, str]:
    """The header that makes an answer a file of this name, in any script."""
    printable = name.encode("utf-8", "backslashreplace").decode()
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(printable, safe='')}"}


def _shown(
    recording: OpenRecording, species: list[str] | None, least: float, gap: float | None
) -> list[Event]:
    chosen = None if species is None else {*species}
    return select_events(recording.events, species=chosen, min_score=least, gap_seconds=gap)
