"""Prepared media: files whose features are stored, and those that could not be used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fused_encoder.front_ends import YAMNET
from fused_encoder.front_ends.contract import FrontEndSpec


@dataclass(frozen=True)
class PreparedFile:
    """A photo or a recording whose features are stored.

    Args:
        path: the original file.
        class_index: int, into the class names.
        content: SHA-256 of the file's bytes, in hex: two files of one content are one source.
        feature_path: .npy file: uint8 [224, 224, 3] of a photo, float32 [num_frames, size] of a
            recording.
    """

    path: Path
    class_index: int
    content: str
    feature_path: Path

    def feature(self) -> np.ndarray:
        """The stored feature, memory-mapped: uint8 [224, 224, 3] or float32 [num_frames, size]."""
        return np.load(self.feature_path, mmap_mode="r")


@dataclass(frozen=True)
class Skipped:
    """A file that could not be used, and why.

    Args:
        path: the file.
        reason: what is wrong with it, in a sentence.
    """

    path: Path
    reason: str


@dataclass(frozen=True)
class PreparedMedia:
    """Photos and recordings of the same classes with their features, and what was skipped.

    Args:
        class_names: one per class.
        images: photos that could be decoded.
        recordings: recordings that could be run through the audio front end.
        skipped: the others.
        front_end: how the recordings' frames were made.
    """

    class_names: tuple[str, ...]
    images: tuple[PreparedFile, ...]
    recordings: tuple[PreparedFile, ...]
    skipped: tuple[Skipped, ...] = ()
    front_end: FrontEndSpec = YAMNET
