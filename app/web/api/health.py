"""Whether the service is up, what it was given, and what it measures of itself."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from app.web.services import services

router = APIRouter(tags=["service"])


class Health(BaseModel):
    """What is served."""

    status: str = Field(examples=["ok"])
    served: dict[str, bool] = Field(examples=[{"encoder": True, "index": True, "catalogue": False}])


@router.get("/health", summary="Is the service up, and what was it given?")
async def health(request: Request) -> Health:
    """Answers without a token, and without loading anything."""
    return Health(status="ok", served=services(request).workspace.served)


@router.get(
    "/metrics",
    summary="What the service measures of itself, for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {}}}},
)
async def metrics(request: Request) -> Response:
    """Requests and their times, sizes of batches, uploads, jobs, memory and open files."""
    text = services(request).measures.as_text()
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")
