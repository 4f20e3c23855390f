import math
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from inference import Embedder
from tests.training.conftest import new_encoder
from training.pairs import StoredFeatures, _even_combinations, draw_pairs, embed_pairs


@pytest.fixture(scope="module")
def embedder(yamnet):
    return Embedder.from_encoder(new_encoder(), yamnet)


def _by_folder(media):
    """The same files, each of the source that its folder names."""
    images, recordings = (
        tuple(replace(file, named_source=file.path.parent.name) for file in files)
        for files in (media.images, media.recordings)
    )
    return replace(media, images=images, recordings=recordings)


def test_pairs_join_a_photo_and_a_recording_of_one_class(media):
    pairs = draw_pairs(media, 5, seed=0)
    of_images = [media.class_names[media.images[i].class_index] for i in pairs.images]
    of_recordings = [media.class_names[media.recordings[i].class_index] for i in pairs.recordings]
    assert of_images == of_recordings == pairs.labels.tolist()
    assert np.unique(pairs.labels, return_counts=True)[1].tolist() == [5, 5, 5, 5]
    assert pairs.image_sources.tolist() == [media.images[i].content for i in pairs.images]


def test_sources_are_those_that_the_caller_names(media):
    pairs = draw_pairs(_by_folder(media), 3, seed=0)
    assert pairs.image_sources.tolist() == pairs.recording_sources.tolist() == pairs.labels.tolist()


def test_the_same_seed_draws_the_same_and_another_draws_others(media):
    first, again, other = (draw_pairs(media, 3, seed=seed) for seed in (3, 3, 4))
    assert np.array_equal(first.images, again.images)
    assert np.array_equal(first.recordings, again.recordings)
    drawn = [np.stack([pairs.images, pairs.recordings]) for pairs in (first, other)]
    assert not np.array_equal(*drawn)


@pytest.mark.parametrize(
    ("num_images", "num_recordings"), list(product([1, 2, 3, 4, 6], [1, 4, 5, 6]))
)
def test_combinations_come_once_each_and_use_all_files_evenly(num_images, num_recordings):
    every = _even_combinations(num_images, num_recordings, None)
    assert sorted(every) == list(product(range(num_images), range(num_recordings)))
    for at_most in range(1, len(every)):
        images, recordings = zip(
            *_even_combinations(num_images, num_recordings, at_most), strict=True
        )
        assert max(np.bincount(images)) == math.ceil(at_most / num_images)
        assert max(np.bincount(recordings)) <= math.ceil(at_most / num_recordings) + 1


def test_a_copy_of_a_file_is_not_asked_again(media):
    copy = replace(media.images[0], path=media.images[0].path.with_name("copy.jpg"))
    doubled = replace(media, images=(*media.images, copy))
    assert len(draw_pairs(doubled, None, 0).labels) == len(draw_pairs(media, None, 0).labels)


def test_rows_of_distinct_photos_name_each_photo_once(media):
    pairs = draw_pairs(media, None, seed=0)
    rows = pairs.rows_of_distinct("image")
    assert sorted(pairs.images[rows]) == list(range(len(media.images)))
    assert np.all(np.diff(rows) > 0)
    assert len(pairs.rows_of_distinct("fused")) == len(pairs.labels)


def test_pairs_are_embedded_as_one_by_one(media, embedder):
    pairs = draw_pairs(media, 4, seed=0)
    embedded = embed_pairs(embedder, media, pairs)
    photos = StoredFeatures(media.images, pairs.images)[:]
    sounds = StoredFeatures(media.recordings, pairs.recordings)[:]
    nothing = [None] * len(photos)
    for pattern, both in {
        "fused": (photos, sounds),
        "image": (photos, nothing),
        "audio": (nothing, sounds),
    }.items():
        expected = embedder.embed_features(*both)
        np.testing.assert_allclose(embedded.by_pattern[pattern], expected, atol=1e-5)
        assert embedded.by_pattern[pattern].fingerprint == embedder.fingerprint


class LooksAt:
    """An embedder that remembers what it was given."""

    def embed_combinations(self, images, sequences, pairs):
        self.num_images, self.pairs = len(images), pairs
        return np.ones((len(pairs), 1), np.float32)


def test_only_the_patterns_asked_for_are_embedded_and_each_photo_is_looked_at_once(media):
    embedder, pairs = LooksAt(), draw_pairs(media, 6, seed=0)
    assert list(embed_pairs(embedder, media, pairs, ("image",)).by_pattern) == ["image"]
    assert embedder.num_images == len(set(pairs.images)) == len(embedder.pairs)
    embed_pairs(embedder, media, pairs, ("audio",))
    assert embedder.num_images == 0
    assert len(embedder.pairs) == len(set(pairs.recordings))
