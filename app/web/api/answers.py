"""What the API answers where it refuses, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field


class Refusal(BaseModel):
    """What is wrong, and how to mend it."""

    detail: str = Field(examples=["The file cannot be used: expected an image, found text."])


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route: those that every question may get, and more."""
    told = {
        400: "The request cannot be read.",
        404: "There is nothing of that name.",
        409: "The service was not started with what this needs.",
        413: "Too large, or too many files.",
        422: "A file or a value cannot be used.",
        429: "Too much is in work; `Retry-After` says when to come again.",
    }
    return {
        status: {"model": Refusal, "description": told[status]}
        for status in sorted({409, 413, 422, 429, *statuses})
    }
