"""Candidates: what triplets are mined from, and how alike any two of them are."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from triplets.prepared import PreparedMedia, distinct_files, source_ids


@dataclass(frozen=True)
class CandidatePairs:
    """Pairs of a photo and a recording of one class, each with its embedding.

    Args:
        images: int [num_pairs], into `media.images`.
        recordings: int [num_pairs], into `media.recordings`.
        embeddings: float32 [num_pairs, embedding_size]; of any length, their cosine counts.

    Raises:
        ValueError: the three are of different length.
    """

    images: np.ndarray
    recordings: np.ndarray
    embeddings: np.ndarray

    def __post_init__(self) -> None:
        lengths = [len(self.images), len(self.recordings), len(self.embeddings)]
        if len(set(lengths)) > 1:
            raise ValueError(
                "Expected as many images as recordings and embeddings (one of each per candidate "
                f"pair), received {lengths[0]}, {lengths[1]} and {lengths[2]}."
            )


Embeddings = np.ndarray | CandidatePairs
EmbedMedia = Callable[[PreparedMedia], Embeddings]


@dataclass(frozen=True)
class Candidates:
    """Recordings, or pairs of a photo and a recording, as mining compares them.

    Args:
        images: int [num_candidates], into `media.images`, or None where any photo of the class will do.
        recordings: int [num_candidates], into `media.recordings`.
        classes: int [num_candidates].
        image_ids: int [num_candidates], equal for equal content, or None.
        recording_ids: int [num_candidates], equal for equal content.
        vectors: float32 [num_candidates, size], unit length.
    """

    images: np.ndarray | None
    recordings: np.ndarray
    classes: np.ndarray
    image_ids: np.ndarray | None
    recording_ids: np.ndarray
    vectors: np.ndarray

    def shares_file(self, candidate: int) -> np.ndarray:
        """Which candidates have a file of the same content as this one, bool [num_candidates]."""
        shared = self.recording_ids == self.recording_ids[candidate]
        if self.image_ids is not None:
            shared |= self.image_ids == self.image_ids[candidate]
        return shared

    def anchors(self, class_index: int) -> np.ndarray:
        """The candidates of a class that share no file with some other of it, int [num_anchors]."""
        own = np.flatnonzero(self.classes == class_index)
        sharing = _times_seen(self.recording_ids[own])
        if self.image_ids is not None:
            pairs = self.image_ids[own] * (int(self.recording_ids.max()) + 1)
            pairs += self.recording_ids[own]
            sharing = sharing + _times_seen(self.image_ids[own]) - _times_seen(pairs)
        return own[sharing < len(own)]


def make_candidates(media: PreparedMedia, embeddings: Embeddings | EmbedMedia | None) -> Candidates:
    """What `mine_triplets` compares.

    Args:
        media: the photos and recordings.
        embeddings: see `mine_triplets`.

    Raises:
        ValueError: the embeddings do not fit the media, or hold NaN.
    """
    if embeddings is None:
        embeddings = mean_sequences(media)
    elif callable(embeddings):
        embeddings = embeddings(media)
    recording_classes = np.array([file.class_index for file in media.recordings])
    recording_ids = source_ids(media.recordings)[:-1]
    if isinstance(embeddings, CandidatePairs):
        images, recordings = embeddings.images, embeddings.recordings
        vectors, what = embeddings.embeddings, "candidate pairs"
        image_classes = np.array([file.class_index for file in media.images])
        _check_pairs(image_classes[images], recording_classes[recordings])
        image_ids = source_ids(media.images)[images]
    else:
        images, image_ids, what = None, None, "recordings"
        recordings, vectors = np.arange(len(media.recordings)), np.asarray(embeddings)
    _check_vectors(vectors, len(recordings), what)
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return Candidates(
        images,
        recordings,
        recording_classes[recordings],
        image_ids,
        recording_ids[recordings],
        unit.astype(np.float32),
    )


def draw_candidate_pairs(
    media: PreparedMedia, num_pairs_per_class: int | None = None, *, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of every class, no two alike, in which its files stand equally often.

    Args:
        media: photos and recordings; copies count as one.
        num_pairs_per_class: int >= 2, or None: as many as a class has photos or recordings, whichever
            are more. A class never has more than all combinations.
        seed: int >= 0.

    Returns:
        Photos int [num_pairs] and recordings int [num_pairs], into those of `media`.

    Raises:
        ValueError: `num_pairs_per_class` is below 2.
    """
    if num_pairs_per_class is not None and num_pairs_per_class < 2:
        raise ValueError(f"Expected num_pairs_per_class >= 2, received {num_pairs_per_class}.")
    rng = np.random.default_rng(seed)
    images, recordings = distinct_files(media.images), distinct_files(media.recordings)
    drawn = []
    for class_index in sorted(images.keys() & recordings.keys()):
        seen, heard = rng.permutation(images[class_index]), rng.permutation(recordings[class_index])
        wanted = num_pairs_per_class or max(len(seen), len(heard))
        turn = np.arange(min(wanted, len(seen) * len(heard)))
        shift = turn // math.lcm(len(seen), len(heard))  # where both would begin again together
        drawn.append((seen[turn % len(seen)], heard[(turn + shift) % len(heard)]))
    first, second = zip(*drawn, strict=True) if drawn else ([np.empty(0, int)],) * 2
    return np.concatenate(first), np.concatenate(second)


def mean_sequences(media: PreparedMedia) -> np.ndarray:
    """Each recording's mean over frames, float32 [num_recordings, size]."""
    return np.stack([file.feature().mean(axis=0) for file in media.recordings])


def _times_seen(values: np.ndarray) -> np.ndarray:
    """How often each value stands among all, int [num_values]."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    return counts[which]


def _check_pairs(image_classes: np.ndarray, recording_classes: np.ndarray) -> None:
    differing = np.flatnonzero(image_classes != recording_classes)
    if len(differing):
        raise ValueError(
            f"{len(differing)} candidate pairs have a photo of one class and a recording of another; "
            f"the first is pair {differing[0]}. Pair files of the same class."
        )


def _check_vectors(vectors: np.ndarray, num_expected: int, what: str) -> None:
    if vectors.ndim != 2 or len(vectors) != num_expected:
        raise ValueError(
            f"Expected embeddings [{num_expected} {what}, size], in the order of the {what}, "
            f"received shape {vectors.shape}."
        )
    if not np.isfinite(vectors).all():
        bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
        raise ValueError(
            f"Embeddings hold NaN or infinity, in {len(bad)} of {num_expected} {what}; the first is "
            f"number {bad[0]}. Has training diverged? Lower the learning rate."
        )
