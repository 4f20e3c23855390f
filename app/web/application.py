"""`create_app`: the application, with what keeps it safe, its API and its pages."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.datastructures import State
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from app.web import api, pages, refusals, sign_in
from app.web.house import Workspace
from app.web.jobs import Jobs
from app.web.measures import MeasureRequests, Measures
from app.web.safety.csrf import ProveOrigin
from app.web.safety.headers import SafeHeaders
from app.web.safety.pressure import BackPressure
from app.web.safety.token import DemandToken
from app.web.settings import ServeSettings
from app.web.shelf import Shelf
from app.web.uploads import Uploads
from app.web.work import Work

STATIC = Path(__file__).parent / "static"
API = "/api/v1"
LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1", "[::1]")
_FORM_BYTES = 1_000_000  # bytes of a request beside its files


def create_app(settings: ServeSettings) -> FastAPI:
    """The page and the API.

    `app.state` has `workspace` (what is served), `work` (the queue of the network), `jobs` (long work) and
    `uploads`.

    Args:
        settings: what is served, and to whom.
    Example:
        >>> app = create_app(ServeSettings(encoder=Path("encoder"), index="birds.index"))
        >>> uvicorn.run(app, host="127.0.0.1", port=8080)
    """
    measures = Measures()
    app = FastAPI(
        title="fused-encoder",
        description="Who is this animal, from what it looks like and how it sounds.",
        version="1",
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # these pages load their scripts from elsewhere
        redoc_url=None,
        lifespan=_open_and_close,
        middleware=_middleware(settings, measures),
    )
    app.state.measures = measures
    app.state.workspace = Workspace(settings)
    refusals.install(app)
    app.include_router(api.router, prefix=API)
    app.include_router(sign_in.router, include_in_schema=False)
    app.include_router(pages.router, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app


@asynccontextmanager
async def _open_and_close(app: FastAPI) -> AsyncIterator[None]:
    """What has threads, processes and files lives as long as the application does."""
    state, limits = app.state, app.state.workspace.settings.limits
    state.work = Work(state.workspace, state.measures.batch)
    state.uploads = Uploads(limits, num_decoders=state.workspace.settings.num_decoders)
    state.jobs = Jobs(
        state.uploads.folder,
        most_waiting=limits.jobs,
        lifetime_seconds=limits.upload_lifetime_seconds,
    )
    state.asked = Shelf(limits.upload_lifetime_seconds)
    _measure(state)
    sweeping = asyncio.create_task(_sweep(state, limits.upload_lifetime_seconds))
    yield
    sweeping.cancel()
    for part in (state.jobs, state.work, state.uploads, state.workspace):
        await asyncio.to_thread(part.close)


async def _sweep(state: State, lifetime_seconds: float) -> None:
    """Deletes what was kept for long enough, also where nobody asks for anything."""
    while True:
        await asyncio.sleep(min(30.0, lifetime_seconds / 4))
        state.uploads.delete_old()
        state.jobs.delete_old()


def _measure(state: State) -> None:
    measures = state.measures
    measures.gauge("uploads", "Uploads that are kept.", lambda: len(state.uploads))
    measures.gauge("upload_bytes", "Their size.", lambda: state.uploads.num_bytes)
    measures.gauge("jobs", "Jobs that wait or run.", lambda: state.jobs.num_open)


def _middleware(settings: ServeSettings, measures: Measures) -> list[Middleware]:
    """From the outermost to the innermost."""
    hosts = LOCAL_HOSTS if settings.is_local else ("*",)
    limits = settings.limits
    return [
        Middleware(MeasureRequests, measures=measures),
        Middleware(SafeHeaders),
        Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False),
        Middleware(DemandToken, token=settings.token),
        Middleware(ProveOrigin),
        Middleware(BackPressure, most=limits.waiting, receive_seconds=limits.receive_seconds),
        Middleware(RequestBodyLimitMiddleware, max_body_size=limits.upload_bytes + _FORM_BYTES),
    ]
