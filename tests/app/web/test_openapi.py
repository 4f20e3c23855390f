"""The OpenAPI document: complete, and its examples are requests that work."""

import pytest

from app.web.application import create_app
from app.web.settings import ServeSettings
from individuals import Catalogue, SightingTable
from inference import EmbeddingIndex

DOCUMENT = create_app(ServeSettings()).openapi()
SCHEMAS = DOCUMENT["components"]["schemas"]
OPERATIONS = {
    f"{method.upper()} {path}": operation
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
}


def resolved(schema: dict) -> dict:
    name = schema.get("$ref", "").rpartition("/")[2]
    return SCHEMAS[name] if name else schema


def example(schema: dict) -> object:
    """What the document gives as an example of a schema; fields without one keep their default."""
    schema = resolved(schema)
    if schema.get("examples"):
        return schema["examples"][0]
    if schema.get("type") == "array":
        return [example(schema["items"])]
    if "properties" in schema:
        required = schema.get("required", [])
        return {
            name: example(part)
            for name, part in schema["properties"].items()
            if name in required or part.get("examples")
        }
    raise AssertionError(f"no example: {schema}")


@pytest.fixture
def served(serve, tmp_path):
    """A service that knows what the examples name."""
    with EmbeddingIndex.open(tmp_path / "birds.index") as index:
        index.add(["photos/wren/1.jpg"], [[0.6, 0.8]], [{"class": "wren"}])
    with Catalogue.open(tmp_path / "birds.catalogue", prefix="NYA") as catalogue:
        rows = [[0.6, 0.8], [0.8, 0.6], [1.0, 0.0], [0.0, 1.0]]
        table = SightingTable.of(rows, ["wren 1.jpg", "wren 2.jpg", "robin.jpg", "crow.jpg"])
        catalogue.add(table.take([0, 1]), name="Zoë")
        catalogue.add(table.take([2]), name="Kofi")
    settings = {"index": str(tmp_path / "birds.index"), "catalogue": tmp_path / "birds.catalogue"}
    return serve(**settings, num_decoders=1)


JSON_BODIES = [
    name
    for name, operation in OPERATIONS.items()
    if "application/json" in operation.get("requestBody", {}).get("content", {})
]


@pytest.mark.parametrize("name", JSON_BODIES)
def test_each_example_of_a_request_works_and_answers_as_the_document_says(served, name):
    method, path = name.split()
    operation = OPERATIONS[name]
    body = example(operation["requestBody"]["content"]["application/json"]["schema"])
    for parameter in operation.get("parameters", []):
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", parameter["schema"]["examples"][0])
    answer = served.request(method, path, json=body)
    assert answer.status_code == 200, answer.text
    schema = resolved(operation["responses"]["200"]["content"]["application/json"]["schema"])
    told, rows = answer.json(), schema.get("items")
    for one in told if rows else [told]:
        assert set(one) == set(resolved(rows or schema)["properties"])


def test_some_requests_are_json():
    assert len(JSON_BODIES) >= 6


@pytest.mark.parametrize("name", OPERATIONS)
def test_each_operation_says_what_it_does_and_how_it_refuses(name):
    operation = OPERATIONS[name]
    assert operation["summary"]
    assert operation["description"]
    if operation["tags"] == ["service"]:
        return
    for status in ("409", "422", "429"):
        content = operation["responses"][status]["content"]["application/json"]
        assert content["schema"]["$ref"].endswith("/Refusal"), (name, status)


def test_each_form_says_what_its_files_are():
    for name, operation in OPERATIONS.items():
        for content in operation.get("requestBody", {}).get("content", {}).values():
            schema = resolved(content["schema"])
            for field, part in schema.get("properties", {}).items():
                if field in ("photo", "photos", "recording", "recordings", "videos"):
                    assert part.get("description"), (name, field)


def test_nothing_of_the_document_or_the_pages_comes_from_elsewhere(serve):
    client = serve(num_decoders=1)
    for path in ("/docs", "/redoc"):  # these would load scripts from another server
        assert client.get(path).status_code == 404
    assert client.get("/api/v1/openapi.json").json()["info"]["title"] == "fused-encoder"
