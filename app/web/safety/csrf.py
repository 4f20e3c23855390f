"""Proof that a change was asked for by our own page: no other site can make a browser ask for it."""

from __future__ import annotations

import hmac
import secrets
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.web.safety.token import SIGN_IN

CSRF_COOKIE, CSRF_HEADER = "fused_encoder_csrf", "x-csrf-token"
SAFE_METHODS = {"GET", "HEAD", "OPTIONS", "TRACE"}


class ProveOrigin:
    """Refuses changes that another site asks for, and of pages those without the CSRF token.

    Each browser has its token in a cookie (SameSite=Strict); pages repeat it as the header `X-CSRF-Token`,
    which another site can neither read nor send. `request.state.csrf_token` holds it for the templates.
    A program with a bearer, which no browser sends by itself, needs no more.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        known = HTTPConnection(scope).cookies.get(CSRF_COOKIE, "")
        token = known or secrets.token_urlsafe(24)
        scope.setdefault("state", {})["csrf_token"] = token
        if problem := _problem(scope, known):
            await JSONResponse({"detail": problem}, 403)(scope, receive, send)
            return

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start" and not known and not _is_api(scope):
                secure = "; Secure" if scope["scheme"] == "https" else ""
                cookie = f"{CSRF_COOKIE}={token}; Path=/; SameSite=Strict; HttpOnly{secure}"
                MutableHeaders(scope=message).append("Set-Cookie", cookie)
            await send(message)

        await self.app(scope, receive, send_with_cookie)


def _is_api(scope: Scope) -> bool:
    return scope["path"].startswith(("/api/", "/static/"))


def _problem(scope: Scope, known: str) -> str | None:
    if scope["method"] in SAFE_METHODS or scope.get("has_bearer"):
        return None
    headers = Headers(scope=scope)
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
    if origin is not None and urlsplit(origin).netloc != headers.get("host"):
        return f"This was asked for by another site ({origin}). Use the page itself."
    if site not in ("same-origin", "none"):
        return "This was asked for by another site. Use the page itself."
    if scope["path"] == SIGN_IN:
        return None  # its form holds a better token
    is_browser = bool(origin) or "sec-fetch-site" in headers
    if _is_api(scope) and not is_browser and not known:
        return None  # a program on this machine, or one that was let in by its token
    if not known or not hmac.compare_digest(known.encode(), headers.get(CSRF_HEADER, "").encode()):
        return "The page is too old, or its cookie was deleted. Load it again."
    return None
