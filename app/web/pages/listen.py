"""Listen: a recording of hours as a spectrogram, what was heard in it, and an export of what is shown."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, HTTPException, Query, Request
from starlette.responses import Response, StreamingResponse

from app.web.pages.recording_of import recording_of
from app.web.playback import PlayableSound, byte_range
from app.web.recordings import Format, OpenRecording, export_events
from app.web.spectrogram_tiles import (
    FINEST_SECONDS,
    TILE_COLUMNS,
    TILE_ROWS,
    spectrogram_tile,
)
from app.web.views import render
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
        num_files=len(files),
        files=found[start : start + PAGE_ROWS],
        num=len(found),
        start=start,
        page_rows=PAGE_ROWS,
        find=find,
    )


@router.get("/listen/{name}")
def listen(request: Request, name: str) -> Response:
    """One recording."""
    recording = recording_of(request, name)
    told = recording.thresholds or {}
    return render(
        request,
        "listen.html",
        recording=recording,
        shape=recording.shape,
        tile={"columns": TILE_COLUMNS, "rows": TILE_ROWS, "seconds": FINEST_SECONDS},
        species=sorted({event.species for event in recording.events}),
        thresholds=told,
    )


@router.get("/listen/{name}/events")
def events(
    request: Request, name: str, species: Species = None, least: float = 0, gap: float | None = None
) -> dict[str, object]:
    """The detections that pass the filters, each as [start, end, species, score], and how many there are."""
    recording = recording_of(request, name)
    shown = _shown(recording, species, least, gap)
    kept = _shown(recording, species, least, None)
    return {
        "num_all": len(recording.events),
        "num_kept": len(kept),
        "events": [[e.start_seconds, e.end_seconds, e.species, round(e.score, 4)] for e in shown],
    }


@router.get("/listen/{name}/export/{kind}")
def export(
    request: Request,
    name: str,
    kind: Format,
    species: Species = None,
    least: float = 0,
    gap: float | None = None,
) -> Response:
    """What is shown, as a file for another program."""
    recording = recording_of(request, name)
    shown = _shown(recording, species, least, gap)
    file, content = export_events(shown, kind, recording.title)
    return Response(content, media_type="text/plain; charset=utf-8", headers=as_download(file))


@router.get("/listen/{name}/shape")
def shape(request: Request, name: str) -> dict[str, float]:
    """What a page needs to know before it asks for tiles."""
    return shape_of(recording_of(request, name))


def shape_of(recording: OpenRecording) -> dict[str, float]:
    """The size of a recording's spectrogram and of its tiles."""
    shape = recording.shape
    return {
        "duration": shape.duration_seconds,
        "sample_rate_hz": shape.sample_rate_hz,
        "zooms": shape.num_zooms,
        "columns": TILE_COLUMNS,
        "rows": TILE_ROWS,
        "finest": FINEST_SECONDS,
    }


@router.get("/listen/{name}/tile/{zoom}/{number}")
def tile(request: Request, name: str, zoom: int, number: int) -> Response:
    """A tile of the spectrogram, uint8, row by row from the highest frequency."""
    recording = recording_of(request, name)
    content = spectrogram_tile(recording.path, recording.shape, zoom, number)
    kept = {"Cache-Control": "private, max-age=3600"}
    return Response(content.tobytes(), media_type="application/octet-stream", headers=kept)


@router.get("/listen/{name}/sound.wav")
def sound(
    request: Request, name: str, slower: Annotated[int, Query(ge=1, le=20)] = 1
) -> Response:
    """The recording as a WAV, of which the browser takes the parts that it plays."""
    recording = recording_of(request, name)
    return playable(request, recording, slower)


def playable(request: Request, recording: OpenRecording, slower: int = 1) -> Response:
    """The bytes of the WAV that the browser asked for."""
    shape = recording.shape
    sound = PlayableSound(recording.path, shape.duration_seconds, shape.sample_rate_hz, slower)
    asked = request.headers.get("range")
    found = byte_range(asked, sound.num_bytes)
    if found is None:
        raise HTTPException(
            416, "There is no such part.", {"Content-Range": f"bytes */{sound.num_bytes}"}
        )
    first, last = found
    headers = {"Accept-Ranges": "bytes", "Content-Length": str(last + 1 - first)}
    if asked:
        headers["Content-Range"] = f"bytes {first}-{last}/{sound.num_bytes}"
    status = 206 if asked else 200
    return StreamingResponse(
        sound.read(first, last), status, media_type="audio/wav", headers=headers
    )


def as_download(name: str) -> dict[str, str]:
    """The header that makes an answer a file of this name, in any script."""
    printable = name.encode("utf-8", "backslashreplace").decode()
    return {"Content-Disposition": f"attachment; filename*=UTF-8''{quote(printable, safe='')}"}


def _shown(
    recording: OpenRecording, species: list[str] | None, least: float, gap: float | None
) -> list[Event]:
    chosen = None if species is None else {*species}
    return select_events(recording.events, species=chosen, min_score=least, gap_seconds=gap)
