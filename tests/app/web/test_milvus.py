"""An index on Milvus, served as one in a file is."""

import pytest

from inference import EmbeddingIndex
from tests.inference.index.conftest import address_of, milvus_server, milvus_uri

__all__ = ["address_of", "milvus_server", "milvus_uri"]  # fixtures
API = "/api/v1"


def test_an_index_on_milvus_is_searched_and_added_to(serve, exported, embedder, photos, milvus_uri):
    rows, files = embedder.embed(photos[:4]), [str(photo) for photo in photos[:4]]
    with EmbeddingIndex.open(milvus_uri) as index:
        index.add(files, rows, [{"class": photo.parent.name} for photo in photos[:4]])
    client = serve(encoder=exported, index=milvus_uri, num_decoders=1)
    upload = {"photo": photos[2].read_bytes()}
    hits = client.post(f"{API}/search", files=upload, data={"k": 2}).json()["hits"]
    assert hits[0]["id"] == files[2]
    assert hits[0]["similarity"] == pytest.approx(1, abs=1e-5)
    added = client.post(f"{API}/add", files={"photo": photos[5].read_bytes()}, data={"id": "new"})
    assert added.json() == {"ids": ["new"], "num_new": 1, "num_rows": 5}


def test_a_server_that_does_not_answer_is_told_and_is_no_fault_of_the_service(serve, exported):
    client = serve(encoder=exported, index="http://127.0.0.1:9/birds", num_decoders=1)
    query = {"embedding": [1.0] + [0.0] * 127}
    answer = client.post(f"{API}/search/embedding", json=query)
    assert answer.status_code == 503
    assert "127.0.0.1:9" in answer.json()["detail"]
    assert int(answer.headers["retry-after"]) > 0
