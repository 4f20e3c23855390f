from dataclasses import replace

import numpy as np
import pytest

from fused_encoder.encoder import behind_trunk
from inference.embed import Embedder
from training.live_embedding import LiveEmbedding
from training.pairs import draw_pairs
from triplets.photos import StoredPhotos, scale_photos


class TrunkFeatures:
    """Features of photos, computed when they are asked for."""

    def __init__(self, trunk, media):
        self.shape, self.dtype = tuple(trunk.output.shape[1:]), np.dtype(np.float32)
        self.num_loaded = 0
        self._trunk, self._photos = trunk, StoredPhotos(media)

    def load(self, image_index, rng):
        self.num_loaded += 1
        photo = np.asarray(self._photos.load(image_index, rng))
        return self._trunk.predict_on_batch(scale_photos(photo[None]))[0]


@pytest.fixture(scope="module")
def pairs(media):
    return draw_pairs(media, 7, seed=0)


@pytest.fixture(scope="module")
def encoder(small_encoder):
    return small_encoder(is_frozen=True)


@pytest.fixture(scope="module")
def frozen(encoder):
    return encoder.get_layer("image_trunk"), behind_trunk(encoder)


def change_weights(model):
    rng = np.random.default_rng(0)
    weights = [weight + 0.2 * rng.normal(size=weight.shape) for weight in model.get_weights()]
    model.set_weights(weights)


def test_long_recordings_are_embedded_as_an_embedder_does_it(encoder, media, pairs, yamnet):
    options = {"audio_seconds": 1.5, "max_windows": 2}
    live = LiveEmbedding(encoder, media, pairs, **options)
    embedder = Embedder.from_encoder(encoder, yamnet, **options)
    expected = embedder.embed_features(
        [np.array(media.images[i].feature()) for i in pairs.images],
        [np.array(media.recordings[i].feature()) for i in pairs.recordings],
    )
    np.testing.assert_allclose(live(), expected, atol=1e-6)


def test_a_head_behind_a_frozen_trunk_embeds_as_the_whole_encoder(encoder, frozen, media, pairs):
    features = TrunkFeatures(frozen[0], media)
    behind = LiveEmbedding(frozen[1], media, pairs, photos=features)
    whole = LiveEmbedding(encoder, media, pairs)
    for _ in range(2):
        np.testing.assert_allclose(behind(), whole(), atol=1e-5)
        change_weights(frozen[1])


def test_a_photo_is_looked_at_once_however_many_pairs_it_is_in(frozen, media, pairs):
    features = TrunkFeatures(frozen[0], media)
    LiveEmbedding(frozen[1], media, pairs, photos=features)()
    assert features.num_loaded == len(set(pairs.images)) < len(pairs.images)


def test_media_without_any_file_and_unfit_photos_are_refused(encoder, frozen, media, pairs):
    with pytest.raises(ValueError, match=r"takes \[224, 224, 3\], but the photos are \[8\]"):
        LiveEmbedding(encoder, media, pairs, photos=TrunkFeatures(frozen[0], media))
    silent = replace(media, images=(), recordings=())
    with pytest.raises(ValueError, match="received media without any"):
        LiveEmbedding(encoder, silent, draw_pairs(silent, 5, seed=0))
