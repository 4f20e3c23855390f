"""The catalogue of individuals: who there is, and what a person decides about them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Form, Path, Query, Request
from pydantic import BaseModel, Field

from app.web.api.answers import refusals
from app.web.api.asked import Photo, Recording, embed_upload, given, split
from app.web.refusals import found
from app.web.services import Services, services

if TYPE_CHECKING:
    from individuals import Catalogue, Sighting
    from individuals.catalogue import Decision, LogEntry

router = APIRouter(prefix="/catalogue", tags=["know"])
WHO = "Who decides, for the log."
Who = Annotated[str, Form(max_length=200, description=WHO)]
Individual = Annotated[str, Path(description="Id or name.", examples=["NYA-0001"])]
MOST_ENTRIES = 1000


class KnownIndividual(BaseModel):
    """A known animal."""

    id: str = Field(examples=["NYA-0012"])
    name: str | None = Field(examples=["Zoë"])
    num_sightings: int = Field(examples=[7])
    num_media: int = Field(description="Files that it was met in.", examples=[3])


class CatalogueAnswer(BaseModel):
    """All individuals."""

    prefix: str = Field(examples=["NYA"])
    fingerprint: str | None = Field(description="Of the encoder.", examples=["0123abcd"])
    individuals: list[KnownIndividual]


class KnownSighting(BaseModel):
    """One of its sightings; what is not known is null."""

    key: str = Field(examples=["monday.mp4#t=2.500"])
    media: str = Field(examples=["monday.mp4"])
    modality: str = Field(examples=["image"])
    start_seconds: float
    end_seconds: float
    captured_at: datetime | None
    place: str | None
    decided_by: str = Field(examples=["person"])


class IndividualAnswer(KnownIndividual):
    """A known animal with all its sightings."""

    sightings: list[KnownSighting]


class LogRow(BaseModel):
    """One operation, and who decided it."""

    number: int = Field(examples=[3])
    time: str = Field(examples=["2026-05-01T06:30:00.000+00:00"])
    operation: str = Field(examples=["rename"])
    details: dict[str, Any]
    decided_by: str = Field(examples=["Ana"])
    undoes: int | None


class Rename(BaseModel):
    """A new name."""

    name: str | None = Field(description="null takes the name away.", examples=["Abena"])
    who: str = Field(default="person", max_length=200, description=WHO)


class Merge(BaseModel):
    """Others that turn out to be this one."""

    others: list[str] = Field(min_length=1, examples=[["NYA-0002"]])
    force: bool = Field(default=False, description="Even if two sightings were seen together.")
    who: str = Field(default="person", max_length=200, description=WHO)


class Split(BaseModel):
    """Sightings that turn out to show another animal."""

    sightings: list[str] = Field(min_length=1, description="Keys.", examples=[["wren 2.jpg"]])
    name: str | None = Field(default=None, description="Of the new individual.", examples=["Yaw"])
    who: str = Field(default="person", max_length=200, description=WHO)


class Undo(BaseModel):
    """How many operations are taken back."""

    num: int = Field(default=1, ge=1, examples=[1])
    who: str = Field(default="person", max_length=200, description=WHO)


@router.get("", summary="All individuals", responses=refusals())
async def individuals(request: Request) -> CatalogueAnswer:
    """By number."""
    return await _with_catalogue(request, _all)


@router.get(
    "/individuals/{individual}", summary="One individual, all sightings", responses=refusals(404)
)
async def one(request: Request, individual: Individual) -> IndividualAnswer:
    """An individual by its id or name."""
    return await _with_catalogue(request, _one, individual)


@router.patch("/individuals/{individual}", summary="Rename; the id stays", responses=refusals(404))
async def rename(request: Request, individual: Individual, change: Rename) -> KnownIndividual:
    """The individual as it is then."""

    def do(catalogue: Catalogue) -> KnownIndividual:
        known = catalogue.find(individual)
        catalogue.rename(known.id, change.name, decision=_decision(change.who))
        return _known(catalogue, known.id)

    return await _with_catalogue(request, do)


@router.post(
    "/individuals/{individual}/merge",
    summary="Others turn out to be this one",
    responses=refusals(404),
)
async def merge(request: Request, individual: Individual, change: Merge) -> KnownIndividual:
    """The ids of the others are given up for good. Refused where two were seen together."""

    def do(catalogue: Catalogue) -> KnownIndividual:
        decision = _decision(change.who)
        catalogue.merge(individual, *change.others, force=change.force, decision=decision)
        return _known(catalogue, individual)

    return await _with_catalogue(request, do)


@router.post(
    "/individuals/{individual}/split",
    summary="Some sightings show another animal",
    responses=refusals(404),
)
async def split_off(request: Request, individual: Individual, change: Split) -> KnownIndividual:
    """The new individual."""

    def do(catalogue: Catalogue) -> KnownIndividual:
        decision = _decision(change.who)
        new = catalogue.split(individual, change.sightings, name=change.name, decision=decision)
        return _known(catalogue, new)

    return await _with_catalogue(request, do)


@router.delete(
    "/individuals/{individual}",
    status_code=204,
    summary="Remove; undo brings it back",
    responses=refusals(404),
)
async def delete(
    request: Request,
    individual: Individual,
    who: Annotated[str, Query(max_length=200, description=WHO)] = "person",
) -> None:
    """The individual and its sightings leave the catalogue."""
    await _with_catalogue(
        request, lambda catalogue: catalogue.delete(individual, decision=_decision(who))
    )


@router.post("/undo", summary="Take the last operations back", responses=refusals())
async def undo(request: Request, change: Undo) -> list[LogRow]:
    """What was taken back, latest first. An undo is in the log too."""

    def do(catalogue: Catalogue) -> list[LogRow]:
        return [_row(entry) for entry in catalogue.undo(change.num, decision=_decision(change.who))]

    return await _with_catalogue(request, do)


@router.get("/log", summary="Who decided what, and when", responses=refusals())
async def log(
    request: Request,
    num: Annotated[int, Query(ge=1, le=MOST_ENTRIES, description="How many, latest first.")] = 100,
) -> list[LogRow]:
    """The latest operations first."""
    return await _with_catalogue(
        request, lambda catalogue: [_row(entry) for entry in catalogue.log()[-num:][::-1]]
    )


@router.post("/sightings", summary="Add a sighting of one animal", responses=refusals(404))
async def add_sighting(
    request: Request,
    photo: Photo = None,
    recording: Recording = None,
    individual: Annotated[
        str, Form(description="Id or name of a known one. Empty: a new one.")
    ] = "",
    name: Annotated[str, Form(description="Of a new one; may be empty.")] = "",
    media: Annotated[str, Form(description="The file's name, for the catalogue.")] = "",
    who: Who = "person",
) -> KnownIndividual:
    """A person's decision: this is that animal. The files themselves are not kept."""
    from individuals import Sighting, SightingTable

    state = services(request)
    await _with_catalogue(request, lambda _: None)
    async with state.uploads.for_one_request(given(photo, recording)) as kept:
        found = await embed_upload(state, *split(kept, photo, recording))
        called = media or " + ".join(upload.shown_name for upload in kept)
    sighting = Sighting(media=called, modality=found.modality, decided_by=who)

    def do(catalogue: Catalogue) -> KnownIndividual:
        table = SightingTable((sighting,), found.embedding)
        id_ = catalogue.add(table, individual or None, name=name or None, decision=_decision(who))
        return _known(catalogue, id_)

    return await _with_catalogue(request, do)


async def _with_catalogue(request: Request, do: Any, *args: Any) -> Any:
    """What `do` gives, done off the event loop; an individual that is not there becomes a 404."""
    state = services(request)
    return await state.work.run(_do, state, do, *args)


def _do(state: Services, do: Any, *args: Any) -> Any:
    with found():
        return do(state.workspace.catalogue, *args)


def _all(catalogue: Catalogue) -> CatalogueAnswer:
    return CatalogueAnswer(
        prefix=catalogue.prefix,
        fingerprint=catalogue.fingerprint,
        individuals=[KnownIndividual(**vars(one)) for one in catalogue.individuals()],
    )


def _one(catalogue: Catalogue, individual: str) -> IndividualAnswer:
    sightings = catalogue.sightings(individual).sightings
    known = _known(catalogue, individual)
    return IndividualAnswer(**known.model_dump(), sightings=[_sighting(one) for one in sightings])


def _known(catalogue: Catalogue, individual: str) -> KnownIndividual:
    found = catalogue.find(individual)
    return KnownIndividual(**vars(found))


def _sighting(sighting: Sighting) -> KnownSighting:
    return KnownSighting(**{name: getattr(sighting, name) for name in KnownSighting.model_fields})


def _row(entry: LogEntry) -> LogRow:
    return LogRow(
        number=entry.number,
        time=entry.time,
        operation=entry.operation,
        details=dict(entry.details),
        decided_by=entry.decided_by,
        undoes=entry.undoes,
    )


def _decision(who: str) -> Decision:
    from individuals.catalogue import Decision

    name = " ".join(who.split())
    return Decision(name if name and name.isprintable() else "person")
