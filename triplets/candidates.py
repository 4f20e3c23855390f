"""Candidates: what triplets are mined from, and how alike any two of them are."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from triplets.photos import small_photos
from triplets.prepared import ABSENT, PreparedFile, PreparedMedia, distinct_files, source_ids


@dataclass(frozen=True)
class CandidatePairs:
    """Pairs of a photo and a recording of one class, either of which may be absent, with their embeddings.

    Args:
        images: int [num_pairs], into `media.images`; -1 is absent.
        recordings: int [num_pairs], into `media.recordings`; -1 is absent.
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


ANY = -2  # in place of a photo: any of the class will do


@dataclass(frozen=True)
class Candidates:
    """Recordings, photos, or pairs of both, as mining compares them.

    Args:
        images: int [num_candidates], into `media.images`; -1 is absent, -2 stands for any of the class.
        recordings: int [num_candidates], into `media.recordings`; -1 is absent.
        classes: int [num_candidates].
        image_ids: int [num_candidates], equal for equal content.
        recording_ids: int [num_candidates], equal for equal content.
        vectors: float32 [num_candidates, size], unit length.
    """

    images: np.ndarray
    recordings: np.ndarray
    classes: np.ndarray
    image_ids: np.ndarray
    recording_ids: np.ndarray
    vectors: np.ndarray

    def shares_file(self, candidate: int) -> np.ndarray:
        """Which candidates have a file of the same content as this one, bool [num_candidates]."""
        same_image = self.image_ids == self.image_ids[candidate]
        return same_image | (self.recording_ids == self.recording_ids[candidate])

    def anchors(self, class_index: int) -> np.ndarray:
        """The candidates of a class that share no file with some other of it, int [num_anchors]."""
        own = np.flatnonzero(self.classes == class_index)
        if not len(own):
            return own
        pairs = self.image_ids[own] * (int(self.recording_ids.max()) + 1) + self.recording_ids[own]
        sharing = (
            _times_seen(self.recording_ids[own])
            + _times_seen(self.image_ids[own])
            - _times_seen(pairs)
        )
        return own[sharing < len(own)]


def make_candidates(media: PreparedMedia, embeddings: Embeddings | EmbedMedia | None) -> Candidates:
    """What `mine_triplets` compares.

    Args:
        media: the photos and recordings.
        embeddings: see `mine_triplets`.

    Raises:
        ValueError: the embeddings do not fit the media, or hold NaN.
    """
    if callable(embeddings):
        embeddings = embeddings(media)
    image_classes, recording_classes = (
        np.array([*(file.class_index for file in files), ABSENT])
        for files in (media.images, media.recordings)
    )
    if embeddings is None:
        images, recordings, vectors = _raw_candidates(media)
        what = "files"
    elif isinstance(embeddings, CandidatePairs):
        images, recordings = embeddings.images, embeddings.recordings
        vectors, what = embeddings.embeddings, "candidate pairs"
        _check_pairs(image_classes[images], recording_classes[recordings])
    else:
        recordings, vectors = np.arange(len(media.recordings)), np.asarray(embeddings)
        images, what = np.full(len(recordings), ANY), "recordings"
    _check_vectors(vectors, len(recordings), what)
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    is_heard = recordings != ABSENT
    return Candidates(
        images,
        recordings,
        np.where(
            is_heard, recording_classes[recordings], image_classes[np.maximum(images, ABSENT)]
        ),
        _ids(media.images, images),
        _ids(media.recordings, recordings),
        unit.astype(np.float32),
    )


def _raw_candidates(media: PreparedMedia) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Photos, recordings and vectors of candidates, before any training.

    A class's candidates are its recordings, with any of its photos; where it has fewer than two, its
    photos. The two kinds are of similarity 0: sound says nothing about how photos look.
    """
    images, recordings = distinct_files(media.images), distinct_files(media.recordings)
    heard_classes = {index for index, files in recordings.items() if len(files) > 1}
    heard = [i for i, file in enumerate(media.recordings) if file.class_index in heard_classes]
    seen = [
        i
        for i, file in enumerate(media.images)
        if file.class_index in images.keys() - heard_classes
    ]
    sounds, looks = (
        mean_sequences(media, heard),
        small_photos([media.images[index].feature() for index in seen], 16),
    )
    vectors = np.zeros((len(heard) + len(seen), sounds.shape[1] + looks.shape[1]), np.float32)
    vectors[: len(heard), : sounds.shape[1]] = sounds
    vectors[len(heard) :, sounds.shape[1] :] = looks
    return (
        np.array([*[ANY] * len(heard), *seen], int),
        np.array([*heard, *[ABSENT] * len(seen)], int),
        vectors,
    )


def _ids(files: Sequence[PreparedFile], chosen: np.ndarray) -> np.ndarray:
    """Equal for equal content, int [num_chosen]; what is no file of its own has an id of its own."""
    alone = len(files) + np.arange(len(chosen))
    return np.where(chosen >= 0, source_ids(files)[np.maximum(chosen, ABSENT)], alone)


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
        Photos int [num_pairs] and recordings int [num_pairs], into those of `media`; -1 throughout a
        class that has none of a kind.

    Raises:
        ValueError: `num_pairs_per_class` is below 2.
    """
    if num_pairs_per_class is not None and num_pairs_per_class < 2:
        raise ValueError(f"Expected num_pairs_per_class >= 2, received {num_pairs_per_class}.")
    rng = np.random.default_rng(seed)
    images, recordings = distinct_files(media.images), distinct_files(media.recordings)
    drawn = []
    absent = np.array([ABSENT])
    for class_index in sorted({*images, *recordings}):
        seen = rng.permutation(images.get(class_index, absent))
        heard = rng.permutation(recordings.get(class_index, absent))
        wanted = num_pairs_per_class or max(len(seen), len(heard))
        turn = np.arange(min(wanted, len(seen) * len(heard)))
        shift = turn // math.lcm(len(seen), len(heard))  # where both would begin again together
        drawn.append((seen[turn % len(seen)], heard[(turn + shift) % len(heard)]))
    first, second = zip(*drawn, strict=True) if drawn else ([np.empty(0, int)],) * 2
    return np.concatenate(first), np.concatenate(second)


def mean_sequences(media: PreparedMedia, recordings: Sequence[int] | None = None) -> np.ndarray:
    """Each recording's mean over frames, float32 [num_recordings, size].

    Args:
        media: the recordings.
        recordings: which of them; None: all.
    """
    chosen = range(len(media.recordings)) if recordings is None else recordings
    means = [media.recordings[index].feature().mean(axis=0) for index in chosen]
    return np.array(means, np.float32).reshape(len(means), media.front_end.embedding_size)


def _times_seen(values: np.ndarray) -> np.ndarray:
    """How often each value stands among all, int [num_values]."""
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    return counts[which]


def _check_pairs(image_classes: np.ndarray, recording_classes: np.ndarray) -> None:
    is_both = np.minimum(image_classes, recording_classes) != ABSENT
    differing = np.flatnonzero(is_both & (image_classes != recording_classes))
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
