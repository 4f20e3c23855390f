"""Errors of the packages as answers: what is wrong and how to mend it, in the words of the error."""

from __future__ import annotations

from fastapi import FastAPI, Request
from starlette.responses import JSONResponse

from app.web.house import NotServedError
from media import UnreadableMediaError


def install(app: FastAPI) -> None:
    """Adds the answers to the application."""
    app.add_exception_handler(NotServedError, _not_served)
    app.add_exception_handler(ValueError, _wrong)
    app.add_exception_handler(UnreadableMediaError, _unreadable)


async def _not_served(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 409)


async def _wrong(_: Request, error: Exception) -> JSONResponse:
    return JSONResponse({"detail": str(error)}, 422)


async def _unreadable(_: Request, error: Exception) -> JSONResponse:
    reason = error.reason if isinstance(error, UnreadableMediaError) else str(error)
    return JSONResponse({"detail": reason}, 422)
