"""New rows for the index."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, Field

from app.web.api.answers import refusals
from app.web.api.asked import Photo, Recording, embed_upload, given, json_object, split
from app.web.services import Services, services
from app.web.uploads import Upload

if TYPE_CHECKING:
    pass

if TYPE_CHECKING:
    from inference import Embeddings

router = APIRouter(tags=["ask"])
Scalar = str | int | float | bool | None
MOST_ROWS = 10_000


class Row(BaseModel):
    """A row to be added."""

    id: str = Field(min_length=1, examples=["wren 7"])
    embedding: list[float] = Field(description="Of unit length.", examples=[[0.6, 0.8]])
    metadata: dict[str, Scalar] = Field(default_factory=dict, examples=[{"class": "wren"}])


class Rows(BaseModel):
    """Rows of one encoder."""

    fingerprint: str | None = Field(default=None, examples=[None])
    rows: list[Row] = Field(min_length=1, max_length=MOST_ROWS)


class AddAnswer(BaseModel):
    """What the index holds now."""

    ids: list[str] = Field(examples=[["wren 7"]])
    num_new: int = Field(
        description="Rows that were not there already; adding a row again changes nothing.",
        examples=[1],
    )
    num_rows: int = Field(examples=[1001])


@router.post("/add", summary="Add a photo, a recording or both to the index", responses=refusals())
async def add(
    request: Request,
    photo: Photo = None,
    recording: Recording = None,
    id: Annotated[str, Form(description="Of the row. Default: made of the content.")] = "",
    metadata: Annotated[str, Form(description='JSON, such as {"class": "wren"}.')] = "{}",
) -> AddAnswer:
    """Embeds what was sent and adds the row. The files themselves are not kept."""
    state = services(request)
    told = json_object("metadata", metadata)
    async with state.uploads.for_one_request(given(photo, recording)) as kept:
        found = await embed_upload(state, *split(kept, photo, recording))
        name = id or await state.work.run(_content_id, kept)
    return await state.work.run(_add, state, [name], found.embedding, [told])


@router.post("/add/embeddings", summary="Add embeddings to the index", responses=refusals())
async def add_embeddings(request: Request, rows: Rows) -> AddAnswer:
    """All rows are added, or none."""
    from inference import Embeddings

    state = services(request)
    sizes = {len(row.embedding) for row in rows.rows}
    if len(sizes) > 1:
        raise ValueError(f"Expected embeddings of one size, received {sorted(sizes)}.")
    embeddings = Embeddings.of([row.embedding for row in rows.rows], rows.fingerprint)
    ids, metadata = [row.id for row in rows.rows], [row.metadata for row in rows.rows]
    return await state.work.run(_add, state, ids, embeddings, metadata)


def _add(
    state: Services, ids: list[str], embeddings: Embeddings, metadata: list[dict[str, Scalar]]
) -> AddAnswer:
    index = state.workspace.index
    num_new = index.add(ids, embeddings, metadata)
    return AddAnswer(ids=ids, num_new=num_new, num_rows=len(index))


def _content_id(uploads: list[Upload]) -> str:
    digest = hashlib.sha256()
    for upload in uploads:
        digest.update(upload.path.read_bytes())
    return f"upload-{digest.hexdigest()[:16]}"
