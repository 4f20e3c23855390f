"""Errors of the packages as answers: what is wrong and how to mend it, in the words of the error."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from app.web.busy import BusyError
from app.web.house import NotServedError
from app.web.safety.pressure import busy_response
from app.web.views import render
from media import UnreadableMediaError

logger = logging.getLogger(__name__)


def install(app: FastAPI) -> None:
    """Adds the answers to the application: JSON with `detail`, a sentence; a page for who opens one."""
    app.add_exception_handler(HTTPException, _refused)
    app.add_exception_handler(NotServedError, _not_served)
    app.add_exception_handler(ValueError, _wrong)
    app.add_exception_handler(UnreadableMediaError, _unreadable)
    app.add_exception_handler(FileNotFoundError, _gone)
    app.add_exception_handler(OSError, _out_of_order)
    app.add_exception_handler(BusyError, _busy)
    app.add_exception_handler(RequestValidationError, _invalid)


@contextmanager
def found() -> Iterator[None]:
    """An individual that is not there (any more) becomes a 404 that says so."""
    try:
        yield
    except KeyError as error:
        raise HTTPException(404, str(error.args[0])) from error


def _told(
    request: Request, status: int, detail: str, headers: dict[str, str] | None = None
) -> Response:
    """A page where a person opened an address, else JSON."""
    is_page = "text/html" in request.headers.get("accept", "")
    if is_page and "hx-request" not in request.headers and not request.url.path.startswith("/api/"):
        page = render(request, "refusal.html", status, number=status, detail=detail)
        page.headers.update(headers or {})
        return page
    return JSONResponse({"detail": detail}, status, headers)


async def _refused(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return _told(request, 500, str(error))
    headers = dict(error.headers) if error.headers else None
    detail = "There is no such page." if error.detail == "Not Found" else error.detail
    return _told(request, error.status_code, detail, headers)


async def _not_served(request: Request, error: Exception) -> Response:
    return _told(request, 409, str(error))


async def _wrong(request: Request, error: Exception) -> Response:
    return _told(request, 422, str(error))


async def _unreadable(request: Request, error: Exception) -> Response:
    reason = error.reason if isinstance(error, UnreadableMediaError) else str(error)
    return _told(request, 422, f"The file cannot be used: {reason}")


async def _gone(request: Request, error: Exception) -> Response:
    return _told(request, 404, str(error))


async def _out_of_order(request: Request, error: Exception) -> Response:
    """The disk is full, or Milvus does not answer: asking later may help."""
    logger.error("Cannot answer: %s", error)
    return _told(request, 503, str(error), {"Retry-After": "30"})


async def _busy(_: Request, error: Exception) -> Response:
    seconds = error.retry_after_seconds if isinstance(error, BusyError) else 1
    return busy_response(str(error), seconds)


async def _invalid(request: Request, error: Exception) -> Response:
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    told = "; ".join(f"{'.'.join(map(str, one['loc'][1:]))}: {one['msg']}" for one in problems)
    return _told(request, 422, told or str(error))
