"""What the tests of the service share: a client that speaks to the application without a network."""

from collections.abc import Callable, Iterator

import pytest
from starlette.testclient import TestClient

from app.web.application import create_app
from app.web.settings import ServeSettings

LOCAL = "http://127.0.0.1:8080"


@pytest.fixture
def serve() -> Iterator[Callable[..., TestClient]]:
    """Starts the application with settings; each client is closed at the end."""
    clients: list[TestClient] = []

    def start(settings: ServeSettings | None = None, **told) -> TestClient:
        app = create_app(settings or ServeSettings(**told))
        client = TestClient(app, base_url=LOCAL, follow_redirects=False)
        clients.append(client.__enter__())
        return client

    yield start
    for client in clients:
        client.__exit__(None, None, None)
