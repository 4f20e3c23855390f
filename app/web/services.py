"""What every route works with: `services(request)`."""

from __future__ import annotations

from typing import Protocol, cast

from fastapi import Request

from app.web.house import Workspace
from app.web.jobs import Jobs
from app.web.measures import Measures
from app.web.shelf import Shelf
from app.web.uploads import Uploads
from app.web.work import Work


class Services(Protocol):
    """The application's state."""

    workspace: Workspace
    work: Work
    uploads: Uploads
    jobs: Jobs
    measures: Measures
    asked: Shelf


def services(request: Request) -> Services:
    """Those of the application that a request came to."""
    return cast(Services, request.app.state)
