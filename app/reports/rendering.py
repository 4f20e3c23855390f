"""The templates of all pages, in `templates/`: what is put into HTML is escaped."""

from __future__ import annotations

import math

import jinja2


def templates() -> jinja2.Environment:
    """The templates; a value that is missing is an error."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("app.reports"),
        autoescape=jinja2.select_autoescape(["html"]),
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["cell"] = _cell
    return environment


def _cell(value: object) -> str:
    if isinstance(value, float):
        return "–" if math.isnan(value) else f"{value:.3f}"
    return str(value)
