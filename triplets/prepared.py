"""Prepared media: files whose features are stored, and those that could not be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fused_encoder.front_ends.contract import FrontEndSpec
from fused_encoder.front_ends.yamnet import YAMNET
from media import PhotoBox
from triplets.folders import Skipped as Skipped
from triplets.store import load_feature

ABSENT = -1  # in place of a photo or a recording


@dataclass(frozen=True)
class PreparedFile:
    """A photo or a recording whose features are stored.

    Args:
        path: the original file.
        class_index: int, into the class names.
        content: SHA-256 of the file's bytes, in hex, and the box: copies of a file count as one.
        feature_path: .npy file, see `feature`.
        named_source: what it comes from, see `MediaFile`; None where that was not told.
        box: what of a photo was cropped, see `MediaFile`; None for all of it.
    """

    path: Path
    class_index: int
    content: str
    feature_path: Path
    named_source: str | None = None
    box: PhotoBox | None = None

    @property
    def bytes_hash(self) -> str:
        """SHA-256 of the file's bytes, in hex, whatever was cropped of it."""
        return self.content.partition("-")[0]

    @property
    def source(self) -> str:
        """What the file comes from: its source if that was named, else its content."""
        return self.named_source or self.bytes_hash

    def feature(self) -> np.ndarray:
        """The stored feature, mapped into memory: what is cut from it is read, and no more.

        uint8 [224, 224, 3] of a photo; [num_frames, size] of a recording, of the front end's `storage_dtype`.
        """
        return load_feature(self.feature_path)


@dataclass(frozen=True)
class PreparedMedia:
    """Photos and recordings by class with their features, and what was skipped.

    Args:
        class_names: one per class.
        images: photos that could be decoded.
        recordings: recordings that the audio front end could embed.
        skipped: the others.
        front_end: the audio front end's numbers.
    """

    class_names: tuple[str, ...]
    images: tuple[PreparedFile, ...]
    recordings: tuple[PreparedFile, ...]
    skipped: tuple[Skipped, ...] = ()
    front_end: FrontEndSpec = YAMNET


def source_ids(files: Sequence[PreparedFile]) -> np.ndarray:
    """A number for each file, equal for files of equal content, int64 [num_files + 1].

    The last entry is -1, so that index -1, an absent file, has the id -1.

    Args:
        files: photos or recordings.
    """
    first: dict[str, int] = {}
    ids = [first.setdefault(file.content, index) for index, file in enumerate(files)]
    return np.array([*ids, ABSENT])


def distinct_files(files: Sequence[PreparedFile]) -> dict[int, np.ndarray]:
    """Of each class the places of its files, int [num_files]: of equal content the first alone.

    Args:
        files: photos or recordings.
    """
    places: dict[int, dict[str, int]] = {}
    for place, file in enumerate(files):
        places.setdefault(file.class_index, {}).setdefault(file.content, place)
    return {index: np.array(list(first.values())) for index, first in places.items()}
