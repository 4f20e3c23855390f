"""Embeddings of what is sent."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, File, HTTPException, Request, UploadFile
from pydantic import BaseModel, Field

from app.web.api.answers import refusals
from app.web.api.asked import PHOTO, RECORDING, embed_upload
from app.web.services import Services, services
from app.web.uploads import Upload
from media import UnreadableMediaError

router = APIRouter(tags=["ask"])
Photos = Annotated[list[UploadFile] | None, File(description=f"{PHOTO} Repeat the field for more.")]
Recordings = Annotated[
    list[UploadFile] | None, File(description=f"{RECORDING} Repeat the field for more.")
]


class EmbeddedFile(BaseModel):
    """One photo, one recording, or one of each."""

    files: list[str] = Field(description="As they were called.", examples=[["who.jpg"]])
    modality: str | None = Field(examples=["image"])
    embedding: list[float] | None = Field(
        description="Of unit length; null where the file cannot be used.", examples=[[0.6, 0.8]]
    )
    error: str | None = Field(description="Why it cannot be used.", examples=[None])


class EmbedAnswer(BaseModel):
    """Embeddings, in the order of the files."""

    fingerprint: str = Field(
        description="Names the encoder: embeddings of two encoders do not compare.",
        examples=["0123abcd"],
    )
    rows: list[EmbeddedFile]


@router.post("/embed", summary="Embed photos, recordings, or pairs of both", responses=refusals())
async def embed(
    request: Request, photos: Photos = None, recordings: Recordings = None
) -> EmbedAnswer:
    """One embedding for each photo, or for each recording.

    Where both are sent, in equal number, the first photo goes with the first recording, and so on. A file
    that cannot be used has its error in its row; the others are embedded all the same.
    """
    state = services(request)
    seen, heard = photos or [], recordings or []
    if seen and heard and len(seen) != len(heard):
        raise HTTPException(
            422, f"Expected as many photos as recordings, received {len(seen)} and {len(heard)}."
        )
    if not (seen or heard):
        raise HTTPException(422, "Expected photos, recordings or both, received neither.")
    async with state.uploads.for_one_request([*seen, *heard]) as kept:
        first: list[Upload | None] = [*kept[: len(seen)]]
        second: list[Upload | None] = [*kept[len(seen) :]]
        num = max(len(first), len(second))
        pairs = zip(first or [None] * num, second or [None] * num, strict=True)
        rows = await asyncio.gather(*(_row(state, *pair) for pair in pairs))
    return EmbedAnswer(fingerprint=state.workspace.embedder.fingerprint, rows=rows)


async def _row(state: Services, photo: Upload | None, recording: Upload | None) -> EmbeddedFile:
    names = [upload.shown_name for upload in (photo, recording) if upload]
    try:
        found = await embed_upload(state, photo, recording)
    except UnreadableMediaError as error:
        return EmbeddedFile(files=names, modality=None, embedding=None, error=error.reason)
    vector = found.embedding[0].tolist()
    return EmbeddedFile(files=names, modality=found.modality, embedding=vector, error=None)
