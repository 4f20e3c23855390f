"""The points of photos, found once and kept in the user's cache by what the photo and the features are."""

from __future__ import annotations

import hashlib
import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from fused_encoder.weights import cache_directory
from inference.matching.features import Keypoints, LocalFeatures
from media import PhotoBox, load_image
from media.atomic import write_atomically

_SCHEMA = 2
_ARRAYS = ("places", "sizes", "vectors")


class KeypointStore:
    """Points of photos in a folder, one file for each photo (or each animal in it), named by its content.

    A photo that was moved or renamed is found again; one that was edited is described anew.

    Args:
        features: finds and describes the points.
        directory: where they are kept. Default: `keypoints` in the user's cache (`FUSED_ENCODER_CACHE`, else
            `~/.cache/fused-encoder`).
    """

    def __init__(self, features: LocalFeatures, directory: str | Path | None = None) -> None:
        self.features = features
        self.directory = Path(directory) if directory else cache_directory() / "keypoints"

    def get(self, photo: str | Path, box: PhotoBox | None = None) -> Keypoints:
        """The points of a photo, or of the animal in a box of it.

        Args:
            photo: the file.
            box: (left, top, width, height) in pixels, see `load_image`; None for all of the photo.

        Raises:
            FileNotFoundError: nothing is at this path.
            UnreadableMediaError: the file is no photo that can be decoded.
            ValueError: the box lies outside of the photo.
        """
        path = self._path(Path(photo), box)
        found = _load(path)
        if found is None:
            found = self.features(load_image(photo, box))
            in_memory = io.BytesIO()
            half = np.asarray(found.vectors, np.float16)  # a thousandth off, at half the size
            np.savez(
                in_memory,
                places=found.places,
                sizes=found.sizes,
                vectors=half,
                aspect=found.aspect,
            )
            write_atomically(path, in_memory.getbuffer())
            found = replace(found, vectors=half.astype(np.float32))
        return found

    def _path(self, photo: Path, box: PhotoBox | None) -> Path:
        try:
            with photo.open("rb") as file:
                key = hashlib.file_digest(file, "sha256")
        except (FileNotFoundError, NotADirectoryError):
            raise FileNotFoundError(
                f"'{photo}' does not exist (seen from '{Path.cwd()}'). Put the photo back, or run where its "
                "path leads to it: its details can only be compared where it is."
            ) from None
        except OSError:  # a folder, or one that may not be read: `load_image` tells
            load_image(photo)
            raise
        key.update(
            f"{_SCHEMA} {self.features.name} {None if box is None else tuple(map(float, box))}".encode()
        )
        return self.directory / f"{key.hexdigest()}.npz"


def _load(path: Path) -> Keypoints | None:
    """None where there is no such file, or it is damaged."""
    try:
        with path.open("rb") as file, np.load(file) as kept:
            places, sizes, vectors = (np.asarray(kept[name], np.float32) for name in _ARRAYS)
            return Keypoints(places, sizes, vectors, float(kept["aspect"]))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
