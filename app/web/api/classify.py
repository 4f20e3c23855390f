"""Who sings in short recordings, while one waits; hours are a job."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, File, Request, UploadFile
from pydantic import BaseModel, Field

from app.web.api.answers import refusals
from app.web.api.asked import RECORDING
from app.web.hearing import levels
from app.web.services import Services, services
from app.web.uploads import Upload

if TYPE_CHECKING:
    import numpy as np

router = APIRouter(tags=["listen"])
SEGMENT_SECONDS = 5.0
MOST_SPECIES = 10


class HeardSpecies(BaseModel):
    """A species, and how sure the classifier is that it is heard."""

    species: str = Field(examples=["wren"])
    score: float = Field(description="Of the whole recording, 0 to 1.", examples=[0.9])
    threshold: float = Field(description="Events are above it.", examples=[0.5])
    segments: list[float | None] = Field(
        description=f"Of each {SEGMENT_SECONDS:g} s; null where nothing can be heard.",
        examples=[[0.9, 0.1]],
    )


class HeardEvent(BaseModel):
    """A species, heard from one time to another."""

    start_seconds: float = Field(examples=[1.5])
    end_seconds: float = Field(examples=[3.0])
    species: str = Field(examples=["wren"])
    score: float = Field(description="Of its highest moment.", examples=[0.97])


class HeardRecording(BaseModel):
    """What was heard in one recording."""

    name: str = Field(examples=["dawn.wav"])
    status: str = Field(
        description="ok, partial, silent, too_short, non_finite, unreadable or crashed.",
        examples=["ok"],
    )
    reason: str | None = Field(description="Why it is not ok.", examples=[None])
    seconds: float | None = Field(description="Of sound that was decoded.", examples=[10.0])
    species: list[HeardSpecies] = Field(
        description=f"The {MOST_SPECIES} with the highest scores, and all that have events."
    )
    events: list[HeardEvent]


class ClassifyAnswer(BaseModel):
    """What was heard, recording by recording."""

    thresholds: str = Field(description="What the thresholds promise.")
    recordings: list[HeardRecording]


@router.post("/classify", summary="Who sings in recordings, and when", responses=refusals())
async def classify(
    request: Request,
    recordings: Annotated[
        list[UploadFile], File(description=f"{RECORDING} Repeat the field for more.")
    ],
) -> ClassifyAnswer:
    """For recordings of up to some minutes. Longer ones are a job: `/jobs/classify`."""
    state = services(request)
    _, promise = await state.work.run(levels, state.workspace)
    async with state.uploads.for_one_request(recordings) as kept:
        heard = await asyncio.gather(*(listen_to(state, upload) for upload in kept))
    return ClassifyAnswer(thresholds=promise, recordings=heard)


async def listen_to(state: Services, upload: Upload) -> HeardRecording:
    """What is heard in one recording, for pages too.

    Raises:
        ValueError: it is too long to wait for.
    """
    heard = await state.work.classify(upload.path)
    thresholds, _ = await state.work.run(levels, state.workspace)
    names = state.workspace.sound_classifier.class_names
    row, scores = heard.scores.row, heard.scores.recording
    with_events = {event.species for event in heard.events}
    order = sorted(range(len(names)), key=lambda place: -scores[place])
    shown = [
        place
        for rank, place in enumerate(order)
        if math.isfinite(scores[place]) and (rank < MOST_SPECIES or names[place] in with_events)
    ]
    return HeardRecording(
        name=upload.shown_name,
        status=row.status,
        reason=row.reason,
        seconds=row.decoded_seconds,
        species=[
            HeardSpecies(
                species=names[place],
                score=float(scores[place]),
                threshold=float(thresholds[place]),
                segments=_finite(heard.scores.segments[:, place]),
            )
            for place in shown
        ],
        events=[
            HeardEvent(**{name: getattr(event, name) for name in HeardEvent.model_fields})
            for event in heard.events
        ],
    )


def _finite(values: np.ndarray) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values.tolist()]
