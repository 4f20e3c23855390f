"""Pairs: which photos and recordings are asked together, and their embeddings whole and in halves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Literal, overload

import numpy as np

from inference.embed import Embedder
from inference.embeddings import Embeddings, fingerprint_of
from triplets.prepared import ABSENT, PreparedFile, PreparedMedia, distinct_files

Pattern = Literal["fused", "image", "audio"]
PATTERNS: tuple[Pattern, ...] = ("fused", "image", "audio")
WAYS: dict[str, tuple[Pattern, Pattern]] = {  # of asking: what asks, and what is searched
    "fused": ("fused", "fused"),
    "without_sound": ("image", "fused"),
    "without_photo": ("audio", "fused"),
    "image_only": ("image", "image"),
    "audio_only": ("audio", "audio"),
}


@dataclass(frozen=True)
class Pairs:
    """Photos and recordings of one class each, paired; pairs of one source rise and fall together.

    Of a class that has photos only, or recordings only, each file stands alone.
    """

    images: np.ndarray  # int [num_pairs], indices into a `PreparedMedia`; -1 is absent
    recordings: np.ndarray  # int [num_pairs], likewise
    labels: np.ndarray  # str [num_pairs], class names
    image_sources: np.ndarray  # str [num_pairs], of the pair's photo; of a recording alone, its own
    recording_sources: np.ndarray  # str [num_pairs], of the pair's recording, likewise

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        """What the pairs can be asked with: "fused" where a pair has both, "image", "audio"."""
        has_image, has_recording = self.images != ABSENT, self.recordings != ABSENT
        has = {
            "fused": has_image & has_recording,
            "image": has_image,
            "audio": has_recording,
        }
        return tuple(pattern for pattern in PATTERNS if has[pattern].any())

    @property
    def has_both(self) -> np.ndarray:
        """Which pairs have a photo and a recording, bool [num_pairs]."""
        return (self.images != ABSENT) & (self.recordings != ABSENT)

    def rows_of_distinct(self, pattern: Pattern) -> np.ndarray:
        """The first row of each distinct thing that is asked with (pair, photo, recording), ascending."""
        if pattern == "fused":
            return np.arange(len(self.labels))
        number = self.images if pattern == "image" else self.recordings
        distinct, first = np.unique(number, return_index=True)
        return np.sort(first[distinct != ABSENT])

    def without_common_files(self, rows: Iterable[int]) -> list[int]:
        """The first of the rows of which no two share a photo or a recording."""
        images: set[int] = set()
        recordings: set[int] = set()
        chosen: list[int] = []
        for row in rows:
            image, recording = int(self.images[row]), int(self.recordings[row])
            if image not in images and recording not in recordings:
                chosen.append(row)
                images |= {image} - {ABSENT}
                recordings |= {recording} - {ABSENT}
        return chosen


@dataclass(frozen=True)
class EmbeddedPairs:
    """The embeddings of pairs: of all that each has, of its photo alone, of its recording alone."""

    pairs: Pairs
    by_pattern: dict[Pattern, np.ndarray]  # float32 [num_pairs, embedding_size]; NaN: no such thing

    def only(self, rows: np.ndarray) -> EmbeddedPairs:
        """Some of the pairs.

        Args:
            rows: int [num_kept], or bool [num_pairs].
        """
        columns = [getattr(self.pairs, field.name)[rows] for field in fields(self.pairs)]
        kept = {pattern: embedded[rows] for pattern, embedded in self.by_pattern.items()}
        return EmbeddedPairs(Pairs(*columns), kept)


def draw_pairs(
    media: PreparedMedia,
    max_pairs_per_class: int | None,
    seed: int,
) -> Pairs:
    """The pairs of every class: all combinations, or so many of them that use every file about equally.

    Files of one class that hold the same bytes count as one. Of a class with photos only, or recordings
    only, each file stands alone, however many they are.

    Args:
        media: photos and recordings.
        max_pairs_per_class: int >= 1, or None for all combinations.
        seed: int, for which files meet, and which are left out where there are more files than pairs.

    Raises:
        ValueError: `max_pairs_per_class` is below 1.
    """
    if max_pairs_per_class is not None and max_pairs_per_class < 1:
        raise ValueError(f"Expected max_pairs_per_class >= 1, received {max_pairs_per_class}.")
    rng = np.random.default_rng(seed)
    pairs = []
    photos, sounds = distinct_files(media.images), distinct_files(media.recordings)
    none = np.empty(0, int)
    for class_index in range(len(media.class_names)):
        images = rng.permutation(photos.get(class_index, none))
        recordings = rng.permutation(sounds.get(class_index, none))
        if len(images) and len(recordings):
            drawn = _even_combinations(len(images), len(recordings), max_pairs_per_class)
            pairs += sorted((images[i], recordings[j], class_index) for i, j in drawn)
        else:
            pairs += [(int(image), ABSENT, class_index) for image in sorted(images)]
            pairs += [(ABSENT, int(recording), class_index) for recording in sorted(recordings)]
    image, recording, label = np.array(pairs, int).reshape(-1, 3).T
    seen = [
        media.images[i].source if i != ABSENT else media.recordings[j].source
        for i, j in zip(image, recording, strict=True)
    ]
    heard = [
        media.recordings[j].source if j != ABSENT else media.images[i].source
        for i, j in zip(image, recording, strict=True)
    ]
    labels = np.array(media.class_names)[label]
    return Pairs(image, recording, labels, np.array(seen, str), np.array(heard, str))


def embed_pairs(
    embedder: Embedder,
    media: PreparedMedia,
    pairs: Pairs,
    patterns: tuple[Pattern, ...] = PATTERNS,
) -> EmbeddedPairs:
    """Embeds pairs in each modality pattern; each photo is looked at once, however many pairs it is in."""
    nothing = np.full_like(pairs.images, ABSENT)
    halves = {
        "fused": (pairs.images, pairs.recordings),
        "image": (pairs.images, nothing),
        "audio": (nothing, pairs.recordings),
    }
    asked = np.concatenate([np.stack(halves[pattern], axis=1) for pattern in patterns])
    every, row = np.unique(asked, axis=0, return_inverse=True)
    is_empty = (every == ABSENT).all(axis=1)
    (images, image), (recordings, recording) = (_numbered(column) for column in every.T)
    embedded = embedder.embed_combinations(
        StoredFeatures(media.images, images),
        StoredFeatures(media.recordings, recordings),
        np.column_stack([image, recording])[~is_empty],
    )
    if is_empty.any():  # at most one: an absent half of some pair
        nothing_known = np.full((1, embedded.shape[1]), np.nan, np.float32)
        embedded = Embeddings.of(
            np.concatenate([nothing_known, embedded]), fingerprint_of(embedded)
        )
    parts = np.split(row.reshape(-1), len(patterns))
    return EmbeddedPairs(
        pairs, {pattern: embedded[part] for pattern, part in zip(patterns, parts, strict=True)}
    )


def _numbered(files: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct files, and which of these each one is; -1 stays -1."""
    distinct, number = np.unique(files, return_inverse=True)
    has_absent = len(distinct) > 0 and distinct[0] == ABSENT
    return (distinct[1:], number - 1) if has_absent else (distinct, number)


class StoredFeatures(Sequence[np.ndarray]):
    """Stored features of chosen files, read when they are asked for: thousands cannot be open at once.

    `which` are indices into the files, int [num].
    """

    def __init__(self, files: Sequence[PreparedFile], which: np.ndarray) -> None:
        self._files = files
        self._which = which

    def __len__(self) -> int:
        return len(self._which)

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[np.ndarray]: ...
    def __getitem__(self, index: int | slice) -> np.ndarray | Sequence[np.ndarray]:
        if isinstance(index, slice):
            return [np.array(self._files[i].feature()) for i in self._which[index]]
        return np.array(self._files[self._which[index]].feature())


def _even_combinations(
    num_images: int, num_recordings: int, at_most: int | None
) -> list[tuple[int, int]]:
    """Combinations without repetition; any first part of them uses all images and recordings evenly.

    Both numbers count up together, and after each common multiple one of them skips a step: so every
    combination comes up exactly once.
    """
    total = num_images * num_recordings
    cycle = math.lcm(num_images, num_recordings) or 1
    return [
        (k % num_images, (k + k // cycle) % num_recordings)
        for k in range(total if at_most is None else min(total, at_most))
    ]
