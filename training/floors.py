"""Floors: what photos and recordings tell without any training, which an encoder must beat."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import keras
import numpy as np

from triplets.photos import small_photos

BATCH_SIZE = 16
MAX_FOLDS = 3
CHOICES_OF_C = (0.1, 1.0, 10.0, 100.0)
Describe = Callable[[Sequence[np.ndarray]], np.ndarray]


def raw_pixels(photos: Sequence[np.ndarray]) -> np.ndarray:
    """Photos, uint8 [224, 224, 3] each, RGB, reduced to 32 x 32 pixels, less their mean.

    Returns:
        float32 [num_photos, 3072], unit length.
    """
    return _unit_length(small_photos(photos, 32))


def raw_audio_sequence(sequences: Sequence[np.ndarray]) -> np.ndarray:
    """The mean over all frames of recordings' sequences, float32 [num_frames, size] each.

    Returns:
        float32 [num_sequences, size], unit length.
    """
    return _unit_length(np.stack([sequence.mean(axis=0) for sequence in sequences]))


def frozen_image_features(encoder: keras.Model) -> Describe | None:
    """What an encoder's image backbone makes of photos, where no part of it was trained.

    That is the floor for photos: the pooled features of the pretrained network, as they enter the first
    layer that is trained (the mean over its looks at a photo; a direction, where the encoder adds up). A
    backbone that was trained, in part or whole, is no floor.

    Args:
        encoder: from `create_fused_encoder`.

    Returns:
        A function of photos, uint8 [224, 224, 3] each, that gives float32 [num_photos, size], unit
        length, and remembers what it has seen; None where the backbone was trained, or the encoder is of
        another make.
    """
    if not any(layer.name == "image_trunk" for layer in encoder.layers):
        return None
    trunk, head = encoder.get_layer("image_trunk"), encoder.get_layer("image_head")
    before = keras.Model(head.input, head.get_layer("image_features").input)
    if before.weights or not trunk.weights:
        return None

    seen: dict[bytes, np.ndarray] = {}

    def features(photos: Sequence[np.ndarray]) -> np.ndarray:
        keys = [hashlib.sha256(photo.tobytes()).digest() for photo in photos]
        new = [row for row, key in enumerate(keys) if key not in seen]
        for start in range(0, len(new), BATCH_SIZE):
            rows = new[start : start + BATCH_SIZE]
            batch = np.stack([photos[row] for row in rows]).astype(np.float32) / 255
            found = before.predict_on_batch(trunk.predict_on_batch(batch))
            seen.update(zip((keys[row] for row in rows), found, strict=True))
        return _unit_length(np.stack([seen[key] for key in keys]).astype(np.float32))

    return features


def class_mean_hits(
    known: np.ndarray, known_labels: np.ndarray, asking: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    """Whether the nearest class mean, by cosine, is of the right class, float [num_asking].

    `known` and `asking` are features, float32 [num, size]; labels are str [num].
    """
    classes = np.unique(known_labels)
    means = _unit_length(np.stack([known[known_labels == name].mean(axis=0) for name in classes]))
    return (classes[(asking @ means.T).argmax(axis=1)] == labels).astype(float)


def log_probabilities(
    known: np.ndarray, known_labels: np.ndarray, asking: np.ndarray, sources: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What logistic regression on the gallery's features makes of others.

    Its C is chosen by cross-validation within the gallery, in folds that share no source; where a class
    has one source only, C is 1.

    Args:
        known: float32 [num_known, size], unit length.
        known_labels: str [num_known], at least two classes.
        asking: float32 [num_asking, size], unit length.
        sources: str [num_known].

    Returns:
        Classes str [num_classes], and log-probabilities float64 [num_asking, num_classes].
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
    from threadpoolctl import threadpool_limits

    if known.shape[1] > len(known):  # weights lie in the span of the gallery: the same, far quicker
        span = np.linalg.svd(known, full_matrices=False)[2]
        known, asking = known @ span.T, asking @ span.T
    model = LogisticRegression(max_iter=2000)
    classes = np.unique(known_labels)
    fewest = min(len(np.unique(sources[known_labels == name])) for name in classes)
    with threadpool_limits(1):  # several threads wait for each other longer than they compute
        if fewest > 1:
            folds = StratifiedGroupKFold(min(MAX_FOLDS, fewest), shuffle=True, random_state=0)
            model = GridSearchCV(model, {"C": CHOICES_OF_C}, cv=folds)
            model.fit(known, known_labels, groups=sources)
        else:
            model.fit(known, known_labels)
        return model.classes_, model.predict_log_proba(asking)


def _unit_length(vectors: np.ndarray) -> np.ndarray:
    """Unit vectors; where there is nothing to tell (one grey), all such get one and the same."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    nothing = np.full_like(vectors, 1 / np.sqrt(vectors.shape[1]))
    return np.where(lengths > 1e-6, vectors / np.maximum(lengths, 1e-6), nothing)
