"""Who is this? The nearest rows of the index, what their similarity means, and what the catalogue says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Form, Request
from pydantic import BaseModel, Field

from app.web.api.answers import refusals
from app.web.api.asked import Embedded, Photo, Recording, embed_upload, given, json_object, split
from app.web.api.identify import IdentifyAnswer, identify
from app.web.services import Services, services
from app.web.uploads import Upload

if TYPE_CHECKING:
    from inference import Hit
    from inference.modalities import Modality

router = APIRouter(tags=["ask"])
Scalar = str | int | float | bool | None
MOST_HITS = 1000
K = Annotated[int, Form(ge=1, le=MOST_HITS, description="How many neighbours.")]
UNCALIBRATED = (
    "Similarities are cosines. This encoder has no calibration for such pairs, so that nothing is said of "
    "probabilities: `fused-encoder calibrate` measures them."
)
CALIBRATED = (
    "The probability is that both show one individual, where that was as likely as not before looking; it "
    "is measured on the individuals that the encoder was calibrated with."
)


class SearchHit(BaseModel):
    """A row of the index."""

    rank: int = Field(examples=[1])
    id: str = Field(examples=["photos/wren/1.jpg"])
    similarity: float = Field(description="Cosine, from -1 to 1.", examples=[0.83])
    probability: float | None = Field(
        description="That both show one individual; null without a calibration.", examples=[0.97]
    )
    metadata: dict[str, Scalar] = Field(examples=[{"class": "wren"}])


class SearchAnswer(BaseModel):
    """The nearest rows, and what they mean."""

    modality: str | None = Field(description="image, audio or fused.", examples=["image"])
    fingerprint: str | None = Field(examples=["0123abcd"])
    hits: list[SearchHit]
    meaning: str = Field(description="What similarity and probability mean here.")
    individual: IdentifyAnswer | None = Field(
        description="What the catalogue says; null where none is served."
    )


class EmbeddingQuery(BaseModel):
    """An embedding to search with."""

    embedding: list[float] = Field(min_length=2, max_length=65536, examples=[[0.6, 0.8]])
    fingerprint: str | None = Field(
        default=None, description="Of the encoder that made it.", examples=[None]
    )
    modality: str | None = Field(default=None, pattern="^(image|audio|fused)$", examples=["image"])
    k: int = Field(default=10, ge=1, le=MOST_HITS)
    where: dict[str, Scalar | list[Scalar]] | None = Field(
        default=None, examples=[{"class": "wren"}]
    )


@router.post("/search", summary="Who is this? By photo, recording or both", responses=refusals())
async def search(
    request: Request,
    photo: Photo = None,
    recording: Recording = None,
    k: K = 10,
    where: Annotated[str, Form(description='JSON: only such rows, as {"class": "wren"}.')] = "",
) -> SearchAnswer:
    """The nearest rows of the index. What was sent is deleted when the answer is."""
    state = services(request)
    only = json_object("where", where) if where else None
    async with state.uploads.for_one_request(given(photo, recording)) as kept:
        seen, heard = split(kept, photo, recording)
        return await ask(state, seen, heard, k=k, where=only)


@router.post("/search/embedding", summary="Who is this? By an embedding", responses=refusals())
async def search_embedding(request: Request, query: EmbeddingQuery) -> SearchAnswer:
    """The nearest rows of the index to an embedding of unit length."""
    from inference import Embeddings

    state = services(request)
    embedding = Embeddings.of([query.embedding], query.fingerprint)
    hits = await state.work.search(embedding, query.k, where=query.where)
    modality: Any = query.modality
    return _answer(state, hits, modality, embedding.fingerprint, None)


async def ask(
    state: Services,
    photo: Upload | None,
    recording: Upload | None,
    *,
    k: int = 10,
    where: Mapping[str, Scalar | Sequence[Scalar]] | None = None,
) -> SearchAnswer:
    """What the route answers, for pages too."""
    await state.work.run(lambda: state.workspace.index)  # before work, if there is none
    found = await embed_upload(state, photo, recording)
    return await nearest(state, found, k=k, where=where)


async def nearest(
    state: Services,
    found: Embedded,
    *,
    k: int = 10,
    where: Mapping[str, Scalar | Sequence[Scalar]] | None = None,
) -> SearchAnswer:
    """The neighbours of an embedding, and whom the catalogue takes it for."""
    hits = await state.work.search(found.embedding, k, where=where)
    individual = None
    if state.workspace.settings.catalogue is not None:
        individual = await identify(state, found)
    return _answer(state, hits, found.modality, found.embedding.fingerprint, individual)


def _answer(
    state: Services,
    hits: Sequence[Hit],
    modality: Modality | None,
    fingerprint: str | None,
    individual: IdentifyAnswer | None,
) -> SearchAnswer:
    probabilities = [_probability(state, hit, modality) for hit in hits]
    return SearchAnswer(
        modality=modality,
        fingerprint=fingerprint,
        hits=[
            SearchHit(
                rank=rank,
                id=hit.id,
                similarity=hit.similarity,
                probability=probability,
                metadata=hit.metadata,
            )
            for rank, (hit, probability) in enumerate(
                zip(hits, probabilities, strict=True), start=1
            )
        ],
        meaning=UNCALIBRATED if all(p is None for p in probabilities) else CALIBRATED,
        individual=individual,
    )


def _probability(state: Services, hit: Hit, modality: Modality | None) -> float | None:
    from inference.modalities import pair_pattern

    if modality is None or state.workspace.settings.encoder is None:
        return None
    calibration = state.workspace.embedder.calibration
    has_photo, has_sound = hit.metadata.get("image"), hit.metadata.get("recording")
    if calibration is None or not (has_photo or has_sound):
        return None
    of_hit: Modality = "fused" if has_photo and has_sound else "image" if has_photo else "audio"
    pattern = pair_pattern(modality, of_hit)
    if pattern not in calibration.pairs:
        return None
    return float(calibration.probability(hit.similarity, pattern))
