"""Calibrating an encoder on folders of individuals, by sight, by sound and by both."""

from dataclasses import replace

import numpy as np
import pytest

from inference import Embedder
from inference.modalities import PAIR_PATTERNS
from tests.training.conftest import new_encoder
from training.calibration import _pairs, calibrate_encoder


@pytest.fixture(scope="module")
def embedder(yamnet):
    return Embedder.from_encoder(new_encoder(), yamnet, audio_seconds=2.0, max_windows=3)


@pytest.fixture(scope="module")
def calibration(embedder, media):
    return calibrate_encoder(embedder, media)


def test_photos_and_recordings_calibrate_every_pattern(calibration, embedder):
    assert list(calibration.pairs) == list(PAIR_PATTERNS)
    assert calibration.fingerprint == embedder.fingerprint
    assert calibration.is_identity_disjoint


def test_each_photo_counts_once_and_never_with_the_pair_it_is_in(calibration, media):
    num = [sum(file.class_index == c for file in media.images) for c in range(4)]
    heard = [sum(file.class_index == c for file in media.recordings) for c in range(4)]
    both = np.minimum(num, heard)
    pairs = calibration.pairs
    assert pairs["image-image"].num_positive_pairs == sum(n * (n - 1) // 2 for n in num)
    assert pairs["fused-fused"].num_positive_pairs == sum(n * (n - 1) // 2 for n in both)
    assert pairs["image-fused"].num_positive_pairs == np.sum(num * both - both)
    assert pairs["image-audio"].num_positive_pairs == np.sum(np.multiply(num, heard) - both)


def test_photos_alone_calibrate_photos_alone(embedder, media):
    alone = calibrate_encoder(embedder, replace(media, recordings=()), is_identity_disjoint=False)
    assert list(alone.pairs) == ["image-image"]
    assert not alone.is_identity_disjoint


def test_a_copy_of_a_file_is_no_further_evidence(embedder, media, calibration):
    twice = replace(media, images=(*media.images, *media.images))
    again = calibrate_encoder(embedder, twice).pair("image-image")
    assert again.num_positive_pairs == calibration.pair("image-image").num_positive_pairs


def test_files_of_one_source_are_not_compared(embedder, media):
    images, recordings = (
        tuple(replace(file, named_source=file.path.parent.name) for file in files)
        for files in (media.images, media.recordings)
    )
    with pytest.raises(ValueError, match="the most often seen in 1 sources"):
        calibrate_encoder(embedder, replace(media, images=images, recordings=recordings))


def test_photos_and_recordings_of_one_source_are_paired_first():
    pairs = _pairs({0: "monday", 1: "tuesday", 2: "sunday"}, {7: "friday", 8: "tuesday"})
    assert pairs == [(1, 8), (0, 7)]
    assert _pairs({0: "monday", 1: "monday"}, {7: "friday", 8: "sunday"}) == [(1, 7)]
