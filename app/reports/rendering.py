"""HTML pages from the templates in `templates/`, which reports and web pages share."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined


@cache
def environment() -> Environment:
    """The templates; every value is escaped, and a value that is missing is an error."""
    return Environment(
        loader=PackageLoader("app.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, **values: object) -> str:
    """The text of a page.

    Args:
        template: name of a file in `templates/`.
        values: what it shows.
    """
    return environment().get_template(template).render(values)
