import numpy as np
import pytest

from fused_encoder.photo import prepare_photo
from inference import Embedder
from media import load_image

PAIRS = np.array([(0, 0), (0, 1), (1, 0), (2, 2), (1, -1), (-1, 2), (0, 0)])


@pytest.fixture(scope="module")
def features(photos):
    rng = np.random.default_rng(0)
    sequences = [rng.normal(size=(n, 1024)).astype(np.float32) for n in (2, 30, 7)]
    return [prepare_photo(load_image(photo)) for photo in photos[:3]], sequences


def one_by_one(embedder, images, sequences):
    return embedder.embed_features(
        [None if i < 0 else images[i] for i, _ in PAIRS],
        [None if j < 0 else sequences[j] for _, j in PAIRS],
    )


@pytest.mark.parametrize("kind", ["live", "exported"])
def test_combinations_are_embedded_as_pair_by_pair(kind, embedder, encoder, yamnet, features):
    if kind == "live":
        embedder = Embedder.from_encoder(encoder, yamnet, audio_seconds=2.0, max_windows=3)
    found = embedder.embed_combinations(*features, PAIRS)
    np.testing.assert_allclose(found, one_by_one(embedder, *features), atol=1e-6)
    assert found.fingerprint == embedder.fingerprint


def test_each_photo_is_looked_at_once_over_several_batches(embedder, features, monkeypatch):
    embedder = Embedder(embedder._model, embedder.settings)  # which has seen nothing yet
    looks = []
    see = embedder._model.see
    monkeypatch.setattr(
        embedder._model, "see", lambda photos: looks.append(len(photos)) or see(photos)
    )
    many = np.array([(i, j) for i in range(3) for j in range(3)] * 5)
    assert embedder.embed_combinations(*features, many).shape == (45, 128)
    assert looks == [3, 1]  # the three, and the absent one


class OlderExport:
    """An exported model from before there were `see` and `join`."""

    def __init__(self, model):
        self.embed_sequences, self.audio_sequences = model.embed_sequences, model.audio_sequences


def test_an_older_export_still_embeds_combinations(embedder, features):
    older = Embedder(OlderExport(embedder._model), embedder.settings)
    found = older.embed_combinations(*features, PAIRS)
    np.testing.assert_allclose(found, embedder.embed_combinations(*features, PAIRS), atol=1e-6)


def test_no_pairs_give_no_embeddings(embedder):
    assert embedder.embed_combinations([], [], np.zeros((0, 2), int)).shape == (0, 128)
