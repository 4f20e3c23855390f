"""Know: the individuals of the catalogue; a change is a decision of a person, logged, and can be undone."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, HTTPException, Query, Request
from starlette.responses import Response

from app.web.house import NotServedError
from app.web.known import camtrap_zip, capture_history_zip, named_sightings, places, timeline
from app.web.pages.listen import as_download
from app.web.pictures import sighting_picture
from app.web.refusals import found
from app.web.views import render
from individuals import Catalogue
from individuals.catalogue import Decision
from individuals.outputs.capture_history import natural_order
from individuals.sighting_table import SightingTable

router = APIRouter()
PAGE_TILES, PAGE_SIGHTINGS, LOG_ENTRIES = 60, 120, 15
ORDERS = {
    "id": lambda one: natural_order(one.id),
    "name": lambda one: (one.name is None, (one.name or "").casefold()),
    "sightings": lambda one: -one.num_sightings,
}
Number = Annotated[int, Query(ge=0)]
Words = Annotated[str, Form()]


@router.get("/know")
def individuals(request: Request, find: str = "", order: str = "id", start: Number = 0) -> Response:
    """All individuals."""
    workspace = request.app.state.workspace
    if not workspace.served["catalogue"]:
        return render(request, "know_none.html")
    catalogue: Catalogue = workspace.catalogue
    every = catalogue.individuals()
    wanted = find.casefold()
    found = [
        one for one in every if wanted in one.id.casefold() or wanted in (one.name or "").casefold()
    ]
    found.sort(key=ORDERS.get(order, ORDERS["id"]))
    return render(
        request,
        "know.html",
        num_all=len(every),
        num_sightings=sum(one.num_sightings for one in every),
        found=found[start : start + PAGE_TILES],
        num=len(found),
        start=start,
        page_rows=PAGE_TILES,
        find=find,
        order=order,
        log=catalogue.log()[-LOG_ENTRIES:][::-1],
        has_project=workspace.settings.project is not None,
    )


@router.get("/know/capture_history.zip")
def history(request: Request) -> Response:
    """Who was met on which occasion."""
    content = capture_history_zip(named_sightings(request.app.state.workspace.catalogue))
    return Response(
        content, media_type="application/zip", headers=as_download("capture_history.zip")
    )


@router.get("/know/camtrap_dp.zip")
def camtrap(request: Request) -> Response:
    """The catalogue as a Camtrap DP."""
    workspace = request.app.state.workspace
    settings = workspace.settings
    if settings.project is None or settings.deployments is None:
        raise NotServedError(
            "A Camtrap DP needs to know the study and its cameras. Start with `--project FILE.json "
            "--deployments FILE.csv`, which docs/outputs.md describes."
        )
    sightings = named_sightings(workspace.catalogue)
    content = camtrap_zip(sightings, settings.project, settings.deployments, settings.media)
    return Response(content, media_type="application/zip", headers=as_download("camtrap_dp.zip"))


@router.post("/know/undo")
def undo(request: Request, who: Words = "") -> Response:
    """Takes the last operation back."""
    request.app.state.workspace.catalogue.undo(decision=_decision(who))
    return _go("/know")


@router.get("/know/{individual}")
def one(request: Request, individual: str, start: Number = 0) -> Response:
    """An individual with all its sightings."""
    catalogue: Catalogue = request.app.state.workspace.catalogue
    every = catalogue.individuals()
    known = next((one for one in every if one.id == individual), None)
    if known is None:
        with found():
            catalogue.sightings(individual)  # says where it went
        raise HTTPException(404, f"There is no individual {individual!r}.")
    sightings = catalogue.sightings(known.id).sightings
    return render(
        request,
        "know_one.html",
        known=known,
        others=[other for other in every if other.id != known.id],
        sightings=list(enumerate(sightings))[start : start + PAGE_SIGHTINGS],
        num=len(sightings),
        start=start,
        page_rows=PAGE_SIGHTINGS,
        lines=timeline(sightings),
        places=places(sightings),
    )


@router.get("/know/{individual}/picture/{number}")
def picture(request: Request, individual: str, number: int) -> Response:
    """The picture of one of its sightings."""
    sightings = _sightings(request, individual).sightings
    content = sighting_picture(sightings[number]) if 0 <= number < len(sightings) else None
    if content is None:
        raise HTTPException(404, "There is no picture of this sighting.")
    kept = {"Cache-Control": "private, max-age=600"}
    return Response(content, media_type="image/jpeg", headers=kept)


@router.post("/know/{individual}/rename")
def rename(request: Request, individual: str, name: Words = "", who: Words = "") -> Response:
    """Another name, or none."""
    with found():
        request.app.state.workspace.catalogue.rename(
            individual, name.strip() or None, decision=_decision(who)
        )
    return _go(f"/know/{individual}")


@router.post("/know/{individual}/merge")
def merge(request: Request, individual: str, other: Words, who: Words = "") -> Response:
    """Another individual turns out to be this one."""
    with found():
        request.app.state.workspace.catalogue.merge(individual, other, decision=_decision(who))
    return _go(f"/know/{individual}")


@router.post("/know/{individual}/split")
def split(
    request: Request,
    individual: str,
    sighting: Annotated[list[str] | None, Form()] = None,
    name: Words = "",
    who: Words = "",
) -> Response:
    """Some sightings turn out to show another animal."""
    with found():
        new = request.app.state.workspace.catalogue.split(
            individual, sighting or [], name=name.strip() or None, decision=_decision(who)
        )
    return _go(f"/know/{new}")


@router.post("/know/{individual}/delete")
def delete(request: Request, individual: str, who: Words = "") -> Response:
    """It leaves the catalogue; undo brings it back."""
    with found():
        request.app.state.workspace.catalogue.delete(individual, decision=_decision(who))
    return _go("/know")


def _sightings(request: Request, individual: str) -> SightingTable:
    with found():
        return request.app.state.workspace.catalogue.sightings(individual)


def _go(address: str) -> Response:
    return Response(status_code=204, headers={"HX-Redirect": address})


def _decision(who: str) -> Decision:
    name = " ".join(who.split())[:200]
    return Decision(name if name.isprintable() and name else "person")
