"""What the training tests share: media of the tiny aviary, small encoders, one short training run."""

import shutil

import keras
import numpy as np
import pytest

from fused_encoder import create_fused_encoder
from inference import Embeddings
from training import recommended_encoder, train_encoder
from training.options import PairBatches, TrainingOptions
from triplets import (
    FeatureStore,
    prepare_media,
    prepare_triplets,
    scan_folders,
)

OPTIONS = TrainingOptions(
    batches=PairBatches(classes_per_batch=4, pairs_per_class=2, steps_per_epoch=3),
    epochs=2,
    held_out_fraction=0.4,
)


@pytest.fixture(scope="session")
def store(tmp_path_factory):
    return FeatureStore(tmp_path_factory.getbasetemp() / "features")


@pytest.fixture(scope="session")
def sides(aviary, yamnet, store):
    """Gallery (what is trained on) and queries (what is held out)."""
    folders = ((aviary.images, aviary.audio), (aviary.held_out_images, aviary.held_out_audio))
    files = [scan_folders(*side, min_sources_per_class=1) for side in folders]
    return [prepare_media(side, yamnet, store=store, progress=False) for side in files]


@pytest.fixture(scope="session")
def media(sides):
    return sides[0]


def tiny_encoder(seed: int = 0, *, is_frozen: bool = False) -> keras.Model:
    """An encoder that sees 7 x 7 pixels: quick to make, to trace and to train."""
    keras.utils.set_random_seed(seed)
    layers = [keras.Input((224, 224, 3)), keras.layers.AveragePooling2D(32)]
    eye = keras.Sequential([*layers, keras.layers.Conv2D(8, 3, activation="relu")])
    eye.trainable = not is_frozen
    return create_fused_encoder(image_backbone=eye, seed=seed)


@pytest.fixture(scope="session")
def small_encoder():
    return tiny_encoder


def new_encoder(seed: int = 0, **options) -> keras.Model:
    """One with a little convolutional network as backbone, from random weights."""
    keras.utils.set_random_seed(seed)
    return create_fused_encoder(
        image_backbone="small_cnn", image_weights=None, seed=seed, **options
    )


def frozen_encoder(seed: int = 0, **options) -> keras.Model:
    """The recommended encoder behind a frozen little network."""
    keras.utils.set_random_seed(seed)
    frozen = {"image_backbone": "small_cnn", "image_weights": None, "image_trainable": "none"}
    return recommended_encoder(**(frozen | options))


class PixelsAndFirstFrame:
    """Stands in for an embedder: it sees the first pixels, and hears the first frame."""

    def embed_combinations(self, images, sequences, pairs):
        vectors = np.zeros((len(pairs), 1024 + 300), np.float32)
        for vector, (i, j) in zip(vectors, pairs, strict=True):
            if j >= 0:
                vector[:1024] = sequences[j][0] / np.linalg.norm(sequences[j][0])
            if i >= 0:
                vector[1024:] = images[i].ravel()[:300] / 255 / 20
        return Embeddings.of(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), "wren-1")


@pytest.fixture
def encoder():
    return new_encoder()


@pytest.fixture(scope="session")
def triplets(aviary, yamnet, store):
    return prepare_triplets(aviary.images, aviary.audio, yamnet, 4, store=store, progress=False)


@pytest.fixture(scope="session")
def options():
    return OPTIONS


@pytest.fixture(scope="session")
def copied_aviary(aviary, tmp_path_factory):
    """Photos and recordings of the aviary, with one broken photo among them."""
    root = tmp_path_factory.mktemp("copied_aviary")
    shutil.copytree(aviary.images, root / "images")
    shutil.copytree(aviary.audio, root / "audio")
    first = aviary.class_names[0]
    (root / "images" / first / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no photo at all")
    return root / "images", root / "audio"


@pytest.fixture(scope="session")
def trained(copied_aviary, yamnet, store):
    """Two epochs on the copied aviary."""
    return train_encoder(
        *copied_aviary, yamnet, encoder=new_encoder(), options=OPTIONS, store=store, progress=False
    )
