"""Errors of the packages as answers: what is wrong and how to mend it, in the words of the error."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.responses import JSONResponse, Response

from app.web.busy import BusyError
from app.web.house import NotServedError
from app.web.safety.pressure import busy_response
from media import UnreadableMediaError

logger = logging.getLogger(__name__)


def install(app: FastAPI) -> None:
    """Adds the answers to the application; each is JSON with `detail`, a sentence."""
    app.add_exception_handler(NotServedError, _not_served)
    app.add_exception_handler(ValueError, _wrong)
    app.add_exception_handler(UnreadableMediaError, _unreadable)
    app.add_exception_handler(FileNotFoundError, _gone)
    app.add_exception_handler(OSError, _out_of_order)
    app.add_exception_handler(BusyError, _busy)
    app.add_exception_handler(RequestValidationError, _invalid)


async def _not_served(_: Request, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, 409)


async def _wrong(_: Request, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, 422)


async def _unreadable(_: Request, error: Exception) -> Response:
    reason = error.reason if isinstance(error, UnreadableMediaError) else str(error)
    return JSONResponse({"detail": f"The file cannot be used: {reason}"}, 422)


async def _gone(_: Request, error: Exception) -> Response:
    return JSONResponse({"detail": str(error)}, 404)


async def _out_of_order(_: Request, error: Exception) -> Response:
    """The disk is full, or Milvus does not answer: asking later may help."""
    logger.error("Cannot answer: %s", error)
    return JSONResponse({"detail": str(error)}, 503, headers={"Retry-After": "30"})


async def _busy(_: Request, error: Exception) -> Response:
    seconds = error.retry_after_seconds if isinstance(error, BusyError) else 1
    return busy_response(str(error), seconds)


async def _invalid(_: Request, error: Exception) -> Response:
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    told = "; ".join(f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in problems)
    return JSONResponse({"detail": told or str(error)}, 422)
