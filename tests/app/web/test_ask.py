"""Embed, search and add: what the API answers is what the packages say."""

import numpy as np
import pytest

from inference import EmbeddingIndex

API = "/api/v1"


def test_what_is_embedded_is_what_the_embedder_gives(asking, embedder, photos, recordings):
    files = [("photos", photos[0].read_bytes()), ("photos", b"no photo")]
    answer = asking.post(f"{API}/embed", files=files).json()
    assert answer["fingerprint"] == embedder.fingerprint
    good, bad = answer["rows"]
    np.testing.assert_allclose(good["embedding"], embedder.embed([photos[0]])[0], atol=1e-6)
    assert bad["embedding"] is None
    assert "text" in bad["error"]
    pair = [("photos", photos[1].read_bytes()), ("recordings", recordings[1].read_bytes())]
    (both,) = asking.post(f"{API}/embed", files=pair).json()["rows"]
    assert both["modality"] == "fused"
    expected = embedder.embed([photos[1]], [recordings[1]])[0]
    np.testing.assert_allclose(both["embedding"], expected, atol=1e-5)


def test_a_search_finds_the_photo_itself_first_and_keeps_nothing(asking, photos):
    upload = {"photo": ("../../etc/passwd", photos[2].read_bytes())}
    answer = asking.post(f"{API}/search", files=upload, data={"k": "3"}).json()
    assert answer["modality"] == "image"
    assert [hit["rank"] for hit in answer["hits"]] == [1, 2, 3]
    assert answer["hits"][0]["id"] == str(photos[2])
    assert answer["hits"][0]["similarity"] == pytest.approx(1, abs=1e-5)
    assert answer["hits"][0]["probability"] is None
    assert "calibrate" in answer["meaning"]
    assert len(asking.app.state.uploads) == 0
    assert [p.name for p in asking.app.state.uploads.folder.iterdir()] == [".lock"]


def test_a_search_can_be_narrowed_and_asked_by_embedding(asking, embedder, photos):
    other = photos[5].parent.name
    upload = {"photo": photos[0].read_bytes()}
    told = {"where": f'{{"class": "{other}"}}'}
    hits = asking.post(f"{API}/search", files=upload, data=told).json()["hits"]
    assert hits
    assert {hit["metadata"]["class"] for hit in hits} == {other}
    query = {
        "embedding": embedder.embed([photos[0]])[0].tolist(),
        "fingerprint": embedder.fingerprint,
        "k": 1,
    }
    answer = asking.post(f"{API}/search/embedding", json=query).json()
    assert answer["hits"][0]["id"] == str(photos[0])
    query["fingerprint"] = "another encoder"
    refused = asking.post(f"{API}/search/embedding", json=query)
    assert refused.status_code == 422
    assert "another encoder" in refused.json()["detail"]


def test_what_is_added_is_found_and_adding_it_again_changes_nothing(asking, photos, embedder):
    upload = {"photo": photos[7].read_bytes()}
    told = {"metadata": '{"class": "new bird"}'}
    added = asking.post(f"{API}/add", files=upload, data=told).json()
    assert (added["num_new"], added["num_rows"]) == (1, 9)
    again = asking.post(f"{API}/add", files=upload, data=told).json()
    assert again == {**added, "num_new": 0}
    hit = asking.post(f"{API}/search", files=upload).json()["hits"][0]
    assert (hit["id"], hit["metadata"]) == (added["ids"][0], {"class": "new bird"})
    row = {"id": "made elsewhere", "embedding": embedder.embed([photos[8]])[0].tolist()}
    answer = asking.post(f"{API}/add/embeddings", json={"rows": [row]})
    assert answer.json()["num_rows"] == 10


@pytest.mark.parametrize(
    ("path", "told", "status", "word"),
    [
        ("search", {}, 422, "neither"),
        ("search", {"k": "0"}, 422, "k:"),
        ("embed", {}, 422, "neither"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_a_sentence(asking, path, told, status, word):
    answer = asking.post(f"{API}/{path}", data=told)
    assert answer.status_code == status
    assert word in answer.json()["detail"]


def test_what_is_not_served_says_how_to_serve_it(serve, exported, photos):
    client = serve(encoder=exported, num_decoders=1)
    answer = client.post(f"{API}/search", files={"photo": photos[0].read_bytes()})
    assert answer.status_code == 409
    assert "--index" in answer.json()["detail"]


def test_the_index_is_left_as_it_was_by_searches(asking, small_index, photos):
    before = len(EmbeddingIndex.open(small_index))
    asking.post(f"{API}/search", files={"photo": photos[0].read_bytes()})
    assert len(EmbeddingIndex.open(small_index)) == before
