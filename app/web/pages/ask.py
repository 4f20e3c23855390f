"""Ask: who is this? By photo, recording or both; the answer has an address that can be shared."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Query, Request
from starlette.responses import Response

from app.reports.match_picture import draw_shared_points
from app.web.api.asked import Embedded, Photo, Recording, embed_upload
from app.web.api.classify import SEGMENT_SECONDS, HeardRecording, listen_to
from app.web.api.search import SearchAnswer, SearchHit, nearest
from app.web.busy import BusyError
from app.web.confirm import Confirmed, confirm_sighting
from app.web.pages.decide import person
from app.web.pages.recording_of import row_name
from app.web.pictures import small_picture
from app.web.services import Services, services
from app.web.uploads import Upload
from app.web.views import render
from media import PhotoBox, UnreadableMediaError, load_image

router = APIRouter()
NUM_HITS = 12
Words = Annotated[str, Form()]


@dataclass(frozen=True)
class Asked:
    """A question with its answer.

    Attributes:
        answer: of the service, as programs get it too.
        found: the embedding.
        photo: upload, or None.
        recording: likewise.
        box: the part of the photo that was asked about; None for all of it.
        heard: what the sound classifier hears in the recording; None without one, or in a long recording.
    """

    answer: SearchAnswer
    found: Embedded
    photo: Upload | None
    recording: Upload | None
    box: PhotoBox | None = None
    heard: HeardRecording | None = None


@router.get("/")
def form(request: Request) -> Response:
    """The question."""
    served = services(request).workspace.served
    limits = services(request).workspace.settings.limits
    return render(request, "ask.html", served=served, limits=limits)


@router.post("/ask")
async def ask(request: Request, photo: Photo = None, recording: Recording = None) -> dict[str, str]:
    """Keeps what was sent for a while, and the answer; gives the answer's address."""
    state = services(request)
    kept: list[Upload | None] = []
    try:
        for one in (photo, recording):
            kept.append(await state.uploads.keep(one) if one else None)
        return {"address": await _answer(state, *kept)}
    except BaseException:
        state.uploads.delete([one for one in kept if one])
        raise


@router.get("/ask/{name}")
async def answer(request: Request, name: str) -> Response:
    """The answer."""
    state = services(request)
    asked = state.asked.get(name, Asked)
    individuals = []
    if state.workspace.served["catalogue"]:
        individuals = await state.work.run(state.workspace.catalogue.individuals)
    return render(
        request,
        "ask_answer.html",
        name=name,
        asked=asked,
        answer=asked.answer,
        hits=[(hit, _part_of(hit)) for hit in asked.answer.hits],
        individuals=individuals,
        row_name=row_name,
        segment_seconds=SEGMENT_SECONDS,
        minutes=round(state.workspace.settings.limits.upload_lifetime_seconds / 60),
    )


@router.post("/ask/{name}/box")
async def ask_in_box(
    request: Request,
    name: str,
    left: Annotated[float, Form(ge=0, le=1)],
    top: Annotated[float, Form(ge=0, le=1)],
    width: Annotated[float, Form(gt=0, le=1)],
    height: Annotated[float, Form(gt=0, le=1)],
) -> dict[str, str]:
    """Asks again about one animal of the photo; the sides are shares of the photo's."""
    state = services(request)
    asked = state.asked.get(name, Asked)
    if asked.photo is None:
        raise ValueError("There is no photo in this question.")
    columns, rows = await state.uploads.size(asked.photo.path)
    box = (left * columns, top * rows, width * columns, height * rows)
    return {"address": await _answer(state, asked.photo, asked.recording, box=box)}


@router.get("/ask/{name}/photo")
async def photo(request: Request, name: str, part: bool = False) -> Response:
    """The photo that was sent, or the part of it that was asked about, decoded and made again."""
    state = services(request)
    asked = state.asked.get(name, Asked)
    if asked.photo is None:
        raise HTTPException(404, "There is no photo in this question.")
    box = asked.box if part else None
    content = await state.uploads.picture(asked.photo.path, box=box, longest_side=900)
    return _jpeg(content)


@router.get("/ask/{name}/match/{rank}")
async def match(request: Request, name: str, rank: int) -> Response:
    """What the photo shares with that of a neighbour, by lines."""
    state = services(request)
    asked = state.asked.get(name, Asked)
    hit = next((one for one in asked.answer.hits if one.rank == rank), None)
    place = None if hit is None else _photo_of(hit)
    if asked.photo is None or place is None:
        raise HTTPException(404, "There are no two photos to compare.")
    pixels = await state.uploads.pixels(asked.photo.path, box=asked.box, longest_side=1000)

    def drawn() -> bytes:
        try:
            return draw_shared_points(pixels, load_image(*place))[0]
        except (FileNotFoundError, UnreadableMediaError) as error:
            raise HTTPException(404, "The neighbour's photo is not there any more.") from error

    return _jpeg(await state.work.run(drawn))


@router.get("/neighbours/photo")
async def neighbour(request: Request, id: Annotated[str, Query()]) -> Response:
    """The photo of a row of the index."""
    state = services(request)

    def picture() -> bytes | None:
        try:
            (row,) = state.workspace.index.get([id])
        except KeyError:
            return None
        place = _photo_in(dict(row.metadata))
        return None if place is None else small_picture(*place)

    content = await state.work.run(picture)
    if content is None:
        raise HTTPException(404, "The photo of this row is not there (any more).")
    return _jpeg(content)


@router.post("/ask/{name}/confirm")
async def confirm(
    request: Request,
    name: str,
    individual: Words = "",
    new_name: Words = "",
    who: Words = "",
) -> Response:
    """A person says who it is: that one animal, of that photo or box, goes into the catalogue."""
    state = services(request)
    asked = state.asked.get(name, Asked)
    picture = None
    if asked.photo is not None:
        picture = await state.uploads.picture(asked.photo.path, box=asked.box)
    confirmed = Confirmed(
        asked.found.embedding,
        asked.found.modality,
        asked.photo,
        asked.recording,
        asked.box,
        picture,
    )
    id_ = await state.work.run(
        confirm_sighting,
        state.workspace.catalogue,
        Path(str(state.workspace.settings.catalogue)),
        confirmed,
        individual=individual or None,
        name=new_name.strip() or None,
        by=person(who),
    )
    return Response(status_code=204, headers={"HX-Redirect": f"/know/{id_}"})


async def _answer(
    state: Services,
    photo: Upload | None,
    recording: Upload | None,
    *,
    box: PhotoBox | None = None,
) -> str:
    _ = (
        state.workspace.settings.index or state.workspace.index
    )  # says that there is none, before work
    found = await embed_upload(state, photo, recording, box=box)
    answer = await nearest(state, found, k=NUM_HITS)
    heard = await _heard(state, recording)
    return f"/ask/{state.asked.put(Asked(answer, found, photo, recording, box, heard))}"


async def _heard(state: Services, recording: Upload | None) -> HeardRecording | None:
    """Who sings when; nobody waits for hours, or in a queue that is full: Listen does that."""
    if recording is None or not state.workspace.served["sound_classifier"]:
        return None
    try:
        return await listen_to(state, recording)
    except (ValueError, BusyError):
        return None


def _part_of(hit: SearchHit) -> dict[str, object]:
    """What a page shows of a neighbour."""
    told = hit.metadata
    start = float(told.get("start_seconds") or 0)
    return {
        "title": str(told.get("class") or told.get("species") or hit.id),
        "has_photo": bool(told.get("image")),
        "has_recording": bool(told.get("recording")),
        "start": start,
        "seconds": max(float(told.get("end_seconds") or 0) - start, 0) or 5.0,
        "file": Path(
            str(told.get("image") or told.get("recording") or told.get("video") or hit.id)
        ).name,
    }


def _photo_of(hit: SearchHit) -> tuple[Path, PhotoBox | None] | None:
    return _photo_in(hit.metadata)


def _photo_in(metadata: dict) -> tuple[Path, PhotoBox | None] | None:
    if not metadata.get("image"):
        return None
    box = metadata.get("box")
    return Path(str(metadata["image"])), tuple(json.loads(box)) if isinstance(box, str) else None


def _jpeg(content: bytes) -> Response:
    kept = {"Cache-Control": "private, max-age=3600"}
    return Response(content, media_type="image/jpeg", headers=kept)
