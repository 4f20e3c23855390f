"""The templates of the pages, packaged; what is put into them is escaped, and a missing value is an error."""

from __future__ import annotations

import functools

import jinja2
from fastapi import Request
from fastapi.templating import Jinja2Templates
from starlette.responses import Response


def render(request: Request, template: str, status: int = 200, **values: object) -> Response:
    """A page or a part of one; it has `request`, `csrf_token` and the values."""
    told = {"csrf_token": request.state.csrf_token, **values}
    return _templates().TemplateResponse(request, template, told, status_code=status)


@functools.cache
def _templates() -> Jinja2Templates:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("app.web"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    return Jinja2Templates(env=environment)
