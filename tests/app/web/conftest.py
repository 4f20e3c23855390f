"""What the tests of the service share: a client that speaks to the application without a network."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from app.web.application import create_app
from app.web.settings import ServeSettings
from inference import EmbeddingIndex

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


@pytest.fixture(scope="session")
def small_index(embedder, photos, recordings, tmp_path_factory) -> Path:
    """Six photos and two recordings in an index, as `embed` and `index build` make one."""
    path = tmp_path_factory.mktemp("index") / "birds.index"
    files = [*photos[:6], *recordings[:2]]
    rows = embedder.embed([*photos[:6], None, None], [*[None] * 6, *recordings[:2]])
    told = [
        {
            "class": file.parent.name,
            "image": str(file) if file.suffix == ".jpg" else None,
            "recording": None if file.suffix == ".jpg" else str(file),
        }
        for file in files
    ]
    with EmbeddingIndex.open(path) as index:
        index.add([str(file) for file in files], rows, told)
    return path


@pytest.fixture
def asking(serve, exported, small_index, tmp_path) -> TestClient:
    """A client of a service with an encoder and an index of its own."""
    index = tmp_path / "birds.index"
    shutil.copy(small_index, index)
    return serve(encoder=exported, index=str(index), num_decoders=1)
