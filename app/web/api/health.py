"""Whether the service is up, and what it was given."""

from __future__ import annotations

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

router = APIRouter(tags=["service"])


class Health(BaseModel):
    """What is served."""

    status: str = Field(examples=["ok"])
    served: dict[str, bool] = Field(examples=[{"encoder": True, "index": True, "catalogue": False}])


@router.get("/health", summary="Is the service up, and what was it given?")
def health(request: Request) -> Health:
    """Answers without a token and without loading anything."""
    return Health(status="ok", served=request.app.state.workspace.served)
