"""Triplets: a sequence of published 6-tuples that is also a `tf.data.Dataset`, saved and loaded."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, overload

import numpy as np

from fused_encoder.audio_windows import pad_sequences
from triplets.augmentation import augment_photo
from triplets.features import PreparedFile, PreparedMedia, Skipped
from triplets.mining import TripletRow

if TYPE_CHECKING:
    import tensorflow as tf

SCHEMA = 1
ROLES = ("anchor", "positive", "negative")


class Triplet(NamedTuple):
    """Anchor, positive and negative, in the published order.

    Images are paths; audio sequences are float32 [num_frames, 1024].
    """

    anchor_image: str
    anchor_audio: np.ndarray
    positive_image: str
    positive_audio: np.ndarray
    negative_image: str
    negative_audio: np.ndarray


class Triplets(Sequence[Triplet]):
    """Mined triplets: index them, loop over them, train on them, save them.

    Args:
        media: the photos and recordings that the rows point into.
        rows: indices of the members.
        window_frames: int >= 1, how many YAMNet frames a member's audio holds at most.
        seed: int, for which window of a long recording each member gets.

    Example:
        >>> for anchor_image, anchor_audio, *_ in triplets: ...
        >>> model.fit(triplets.to_dataset(batch_size=8), epochs=10)
    """

    def __init__(
        self, media: PreparedMedia, rows: Sequence[TripletRow], *, window_frames: int, seed: int = 0
    ) -> None:
        if window_frames < 1:
            raise ValueError(f"Expected window_frames >= 1, received {window_frames}.")
        self.media = media
        self.rows = tuple(rows)
        self.window_frames = window_frames
        self.seed = seed
        self._starts = self._draw_starts()

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """The files that could not be used, and why."""
        return self.media.skipped

    @property
    def class_names(self) -> tuple[str, ...]:
        """One name per class."""
        return self.media.class_names

    def __len__(self) -> int:
        return len(self.rows)

    @overload
    def __getitem__(self, index: int) -> Triplet: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Triplet]: ...
    def __getitem__(self, index: int | slice) -> Triplet | Sequence[Triplet]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        photos = [str(self.media.images[member].path) for member in self.rows[index][::2]]
        sounds = [self._audio(index, position) for position in range(3)]
        return Triplet(photos[0], sounds[0], photos[1], sounds[1], photos[2], sounds[2])

    def to_dataset(
        self,
        batch_size: int,
        *,
        shuffle: bool = True,
        augment: bool = False,
        seed: int | None = None,
    ) -> tf.data.Dataset:
        """What `model.fit` of a triplet model takes.

        Args:
            batch_size: int >= 1, triplets per batch.
            shuffle: whether each epoch has its own order.
            augment: whether photos are varied lightly: see `triplets.augmentation`.
            seed: int or None for the triplets' own.

        Returns:
            tf.data.Dataset of (inputs, labels). Inputs by name: `anchor_image`, `positive_image`,
            `negative_image` float32 [batch, 224, 224, 3], RGB in [0, 1]; `anchor_audio`,
            `positive_audio`, `negative_audio` float32 [batch, window_frames, 1024]. Labels int32
            [batch, 3], the members' class indices.

        Raises:
            ValueError: the batch size is below 1.
        """
        from triplets.pipeline import build_dataset

        if batch_size < 1:
            raise ValueError(f"Expected batch_size >= 1, received {batch_size}.")
        return build_dataset(
            len(self),
            partial(self.load_batch, augment=augment),
            batch_size,
            shuffle=shuffle,
            seed=self.seed if seed is None else seed,
        )

    def load_batch(
        self, indices: np.ndarray, draw: int = 0, *, augment: bool = False
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The members of some triplets, as arrays.

        Args:
            indices: int [batch], which triplets.
            draw: int >= 0; the same draw gives the same variations.
            augment: whether photos are varied.

        Returns:
            Photos uint8 [3, batch, 224, 224, 3], audio sequences float32
            [3, batch, window_frames, 1024], class indices int32 [batch, 3].
        """
        rows = [self.rows[i] for i in indices]
        images = [[self.media.images[row[2 * p]].feature() for row in rows] for p in range(3)]
        if augment:
            rng = np.random.default_rng(draw)
            images = [[augment_photo(np.asarray(i), rng) for i in side] for side in images]
        audio = [
            pad_sequences([self._audio(int(i), p) for i in indices], self.window_frames)
            for p in range(3)
        ]
        labels = [[self.media.images[row[2 * p]].class_index for p in range(3)] for row in rows]
        return np.array(images), np.array(audio), np.array(labels, np.int32)

    def save(self, directory: str | Path) -> None:
        """Writes the triplets and all features they need into one folder, for `Triplets.load`.

        Args:
            directory: made if it does not exist; the file that names the rest is written last.
        """
        root = Path(directory)
        files = {"images": self.media.images, "recordings": self.media.recordings}
        for kind, members in files.items():
            (root / kind).mkdir(parents=True, exist_ok=True)
            for member in members:
                target = root / kind / f"{member.content}.npy"
                if member.feature_path.resolve() != target.resolve():
                    shutil.copyfile(member.feature_path, target)
        document = {
            "schema": SCHEMA,
            "class_names": self.class_names,
            **{kind: [_to_json(member) for member in members] for kind, members in files.items()},
            "skipped": [{"path": str(file.path), "reason": file.reason} for file in self.skipped],
            "rows": self.rows,
            "window_frames": self.window_frames,
            "seed": self.seed,
        }
        temporary = root / "triplets.json.part"
        temporary.write_text(json.dumps(document), encoding="utf-8")
        temporary.replace(root / "triplets.json")

    @classmethod
    def load(cls, directory: str | Path) -> Triplets:
        """The triplets that `save` wrote; features stay on disk until they are used.

        Args:
            directory: the folder that `save` was given.

        Raises:
            FileNotFoundError: the folder holds no saved triplets.
            ValueError: they were written by a newer version.
        """
        root = Path(directory)
        if not (root / "triplets.json").is_file():
            raise FileNotFoundError(
                f"No triplets in '{root}'. Expected a folder that `Triplets.save` or "
                "`fused-encoder prepare --out` wrote, with a file triplets.json."
            )
        document = json.loads((root / "triplets.json").read_text(encoding="utf-8"))
        if document["schema"] > SCHEMA:
            raise ValueError(
                f"'{root}' has schema {document['schema']}, this version reads up to {SCHEMA}. "
                "Update fused-encoder, or prepare the triplets again."
            )
        media = PreparedMedia(
            tuple(document["class_names"]),
            tuple(_from_json(entry, root / "images") for entry in document["images"]),
            tuple(_from_json(entry, root / "recordings") for entry in document["recordings"]),
            tuple(Skipped(Path(entry["path"]), entry["reason"]) for entry in document["skipped"]),
        )
        rows = [TripletRow(*row) for row in document["rows"]]
        return cls(media, rows, window_frames=document["window_frames"], seed=document["seed"])

    def with_rows(self, rows: Sequence[TripletRow]) -> Triplets:
        """The same photos and recordings with other triplets, as mining again gives them."""
        return Triplets(replace(self.media), rows, window_frames=self.window_frames, seed=self.seed)

    def _audio(self, index: int, position: int) -> np.ndarray:
        recording = self.media.recordings[self.rows[index][2 * position + 1]]
        start = self._starts[index, position]
        return np.array(recording.feature()[start : start + self.window_frames])

    def _draw_starts(self) -> np.ndarray:
        lengths = np.array([len(file.feature()) for file in self.media.recordings], int)
        if not self.rows:
            return np.zeros((0, 3), int)
        members = np.array(self.rows)[:, 1::2]
        choices = np.maximum(lengths[members] - self.window_frames, 0) + 1
        return np.random.default_rng(self.seed).integers(0, choices)


def _to_json(member: PreparedFile) -> dict[str, str | int]:
    return {
        "path": str(member.path),
        "class_index": member.class_index,
        "content": member.content,
    }


def _from_json(entry: dict, features: Path) -> PreparedFile:
    path = features / f"{entry['content']}.npy"
    return PreparedFile(Path(entry["path"]), entry["class_index"], entry["content"], path)
