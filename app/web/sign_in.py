"""Signing in: who knows the token gets a cookie that proves it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from app.web.safety.token import SESSION_COOKIE, SIGN_IN, is_token, session_of
from app.web.views import render

router = APIRouter()


@router.get(SIGN_IN)
def ask(request: Request, next: str = "/") -> Response:
    """The form."""
    return render(request, "sign_in.html", next=_local(next), is_wrong=False)


@router.post(SIGN_IN)
def answer(
    request: Request, token: Annotated[str, Form()] = "", next: Annotated[str, Form()] = "/"
) -> Response:
    """Sets the cookie, or asks again."""
    expected = request.app.state.workspace.settings.token
    if expected is None or not is_token(token, expected):
        return render(request, "sign_in.html", status=403, next=_local(next), is_wrong=True)
    response = RedirectResponse(_local(next), 303)
    response.set_cookie(
        SESSION_COOKIE,
        session_of(expected),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return response


def _local(path: str) -> str:
    """A path of this server; the first page for what leads elsewhere."""
    is_ours = path.startswith("/") and not path.startswith("//") and "\\" not in path
    return path if is_ours and path.isprintable() else "/"
