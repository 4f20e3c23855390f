"""Pairs: which photos and recordings are asked together, and their embeddings whole and in halves."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, overload

import numpy as np

from inference.embed import Embedder
from training.sides import SourceOf, source_name
from triplets.prepared import PreparedFile, PreparedMedia

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
    """Photos and recordings of one class each, paired; pairs of one source rise and fall together."""

    images: np.ndarray  # int [num_pairs], indices into a `PreparedMedia`
    recordings: np.ndarray  # int [num_pairs], likewise
    labels: np.ndarray  # str [num_pairs], class names
    image_sources: np.ndarray  # str [num_pairs], what the pair's photo comes from
    recording_sources: np.ndarray  # str [num_pairs], what its recording comes from

    def rows_of_distinct(self, pattern: Pattern) -> np.ndarray:
        """The first row of each distinct thing that is asked with (pair, photo, recording), ascending."""
        if pattern == "fused":
            return np.arange(len(self.labels))
        number = self.images if pattern == "image" else self.recordings
        return np.sort(np.unique(number, return_index=True)[1])

    def without_common_files(self, rows: Iterable[int]) -> list[int]:
        """The first of the rows of which no two share a photo or a recording."""
        images: set[int] = set()
        recordings: set[int] = set()
        chosen: list[int] = []
        for row in rows:
            image, recording = int(self.images[row]), int(self.recordings[row])
            if image not in images and recording not in recordings:
                chosen.append(row)
                images.add(image)
                recordings.add(recording)
        return chosen


@dataclass(frozen=True)
class EmbeddedPairs:
    """The embeddings of pairs, whole and with one modality left out."""

    pairs: Pairs
    by_pattern: dict[Pattern, np.ndarray]  # float32 [num_pairs, embedding_size] each


def draw_pairs(
    media: PreparedMedia,
    max_pairs_per_class: int | None,
    seed: int,
    *,
    source_of: SourceOf | None = None,
) -> Pairs:
    """The pairs of every class: all combinations, or so many of them that use every file about equally.

    Files of one class that hold the same bytes count as one.

    Args:
        media: photos and recordings.
        max_pairs_per_class: int >= 1, or None for all combinations.
        seed: int, for which files meet, and which are left out where there are more files than pairs.
        source_of: names the source of a file, see `split_by_source`. Default: the file's content.

    Raises:
        ValueError: `max_pairs_per_class` is below 1.
    """
    if max_pairs_per_class is not None and max_pairs_per_class < 1:
        raise ValueError(f"Expected max_pairs_per_class >= 1, received {max_pairs_per_class}.")
    rng = np.random.default_rng(seed)
    pairs = []
    for class_index in range(len(media.class_names)):
        images = rng.permutation(distinct_files(media.images, class_index))
        recordings = rng.permutation(distinct_files(media.recordings, class_index))
        drawn = _even_combinations(len(images), len(recordings), max_pairs_per_class)
        pairs += sorted((images[i], recordings[j], class_index) for i, j in drawn)
    image, recording, label = np.array(pairs, int).reshape(-1, 3).T
    return Pairs(
        image,
        recording,
        np.array(media.class_names)[label],
        np.array([source_name(media.images[index], source_of) for index in image]),
        np.array([source_name(media.recordings[index], source_of) for index in recording]),
    )


def embed_pairs(
    embedder: Embedder,
    media: PreparedMedia,
    pairs: Pairs,
    patterns: tuple[Pattern, ...] = PATTERNS,
) -> EmbeddedPairs:
    """Embeds pairs in each modality pattern; each photo is looked at once, however many pairs it is in."""
    image_files, image = np.unique(pairs.images, return_inverse=True)
    recording_files, recording = np.unique(pairs.recordings, return_inverse=True)
    nothing = np.full_like(image, -1)
    halves = {
        "fused": (image, recording),
        "image": (image, nothing),
        "audio": (nothing, recording),
    }
    asked = [np.stack(halves[pattern], axis=1).reshape(-1, 2) for pattern in patterns]
    every, row = np.unique(np.concatenate(asked), axis=0, return_inverse=True)
    if (every[:, 0] < 0).all():
        image_files = image_files[:0]  # no photo is asked for
    embedded = embedder.embed_combinations(
        StoredFeatures(media.images, image_files),
        StoredFeatures(media.recordings, recording_files),
        every,
    )
    parts = np.split(row.reshape(-1), len(patterns))
    return EmbeddedPairs(
        pairs, {pattern: embedded[part] for pattern, part in zip(patterns, parts, strict=True)}
    )


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


def distinct_files(files: Sequence[PreparedFile], class_index: int) -> list[int]:
    """Positions of the files of a class, of several with the same bytes the first."""
    first: dict[str, int] = {}
    for index, file in enumerate(files):
        if file.class_index == class_index:
            first.setdefault(file.content, index)
    return list(first.values())


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
