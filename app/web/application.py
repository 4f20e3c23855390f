"""`create_app`: the application, with what keeps it safe, its API and its pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.middleware import Middleware
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.trustedhost import TrustedHostMiddleware

from app.web import api, pages, refusals, sign_in
from app.web.house import Workspace
from app.web.safety.csrf import ProveOrigin
from app.web.safety.headers import SafeHeaders
from app.web.safety.token import DemandToken
from app.web.settings import ServeSettings

STATIC = Path(__file__).parent / "static"
API = "/api/v1"
LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1", "[::1]")
_FORM_OVERHEAD = 1_000_000  # bytes of a request beside its files


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
    workspace = Workspace(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        workspace.close()

    app = FastAPI(
        title="fused-encoder",
        description="Who is this animal, from what it looks like and how it sounds.",
        version="1",
        openapi_url=f"{API}/openapi.json",
        docs_url=None,  # these pages load their scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
        middleware=_middleware(settings),
    )
    app.state.workspace = workspace
    refusals.install(app)
    app.include_router(api.router, prefix=API)
    app.include_router(sign_in.router, include_in_schema=False)
    app.include_router(pages.router, include_in_schema=False)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    return app


def _middleware(settings: ServeSettings) -> list[Middleware]:
    """From the outermost to the innermost."""
    hosts = LOCAL_HOSTS if settings.is_local else ("*",)
    most_bytes = settings.limits.upload_bytes + _FORM_OVERHEAD
    return [
        Middleware(SafeHeaders),
        Middleware(TrustedHostMiddleware, allowed_hosts=hosts, www_redirect=False),
        Middleware(DemandToken, token=settings.token),
        Middleware(ProveOrigin),
        Middleware(RequestBodyLimitMiddleware, max_body_size=most_bytes),
    ]
