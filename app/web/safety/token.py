"""The token: programs send it as a bearer, people sign in with it once."""

from __future__ import annotations

import hashlib
import hmac
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

SESSION_COOKIE = "fused_encoder_session"
SIGN_IN = "/sign-in"
OPEN_PATHS = ("/static/", SIGN_IN, "/api/v1/health")


def session_of(token: str) -> str:
    """The value of the cookie of who signed in: it proves the token without holding it."""
    return hmac.new(token.encode(), b"fused-encoder session", hashlib.sha256).hexdigest()


def is_token(given: str, token: str) -> bool:
    """Whether this is the token; takes equally long for any wrong one."""
    return hmac.compare_digest(given.encode(), token.encode())


class DemandToken:
    """Lets in who shows the token as a bearer, or the cookie of who signed in; without a token, all."""

    def __init__(self, app: ASGIApp, token: str | None) -> None:
        self.app, self._token = app, token
        self._session = session_of(token) if token else ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http" and self._token is not None:
            scope["has_bearer"] = has_bearer = self._has_bearer(Headers(scope=scope))
            if not (has_bearer or self._is_signed_in(scope) or _is_open(scope["path"])):
                await _refusal(scope)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _has_bearer(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and is_token(given.strip(), self._token or "")

    def _is_signed_in(self, scope: Scope) -> bool:
        return is_token(HTTPConnection(scope).cookies.get(SESSION_COOKIE, ""), self._session)


def _is_open(path: str) -> bool:
    return any(path == one or (one.endswith("/") and path.startswith(one)) for one in OPEN_PATHS)


def _refusal(scope: Scope) -> Response:
    if scope["path"].startswith("/api/") or scope["method"] not in ("GET", "HEAD"):
        return JSONResponse(
            {"detail": "Send the token: Authorization: Bearer TOKEN."},
            401,
            headers={"WWW-Authenticate": "Bearer"},
        )
    return RedirectResponse(f"{SIGN_IN}?next={quote(scope['path'], safe='')}", 303)
