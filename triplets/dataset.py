"""Triplets: a sequence of published 6-tuples that is also a `tf.data.Dataset`, saved and loaded."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal, NamedTuple, overload

import numpy as np
import tensorflow as tf

from fused_encoder.front_ends.contract import FrontEndSpec
from media.atomic import write_text_atomically
from triplets.folders import Skipped
from triplets.mining import TripletRow
from triplets.photos import PhotoSource
from triplets.pipeline import DRAWN, EpochCounter, MemberLoader, build_dataset
from triplets.prepared import ABSENT, PreparedFile, PreparedMedia

SCHEMA = 3
AudioWindows = Literal["fixed", "random"]
AUDIO_WINDOWS = (None, "fixed", "random")


class Triplet(NamedTuple):
    """Anchor, positive and negative, in the published order.

    Images are paths; audio sequences are float32 [num_frames, size]. What a class does not have is None,
    or a sequence of no frames.
    """

    anchor_image: str | None
    anchor_audio: np.ndarray
    positive_image: str | None
    positive_audio: np.ndarray
    negative_image: str | None
    negative_audio: np.ndarray


class Triplets(Sequence[Triplet]):
    """Mined triplets: index them, loop over them, train on them, save them.

    Args:
        media: the photos and recordings that the rows point into.
        rows: indices of the members.
        window_frames: int >= 1, how many frames a member's audio holds at most.
        seed: int >= 0, for which window of a long recording each member gets, and for the order.

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
        self.window_frames = window_frames
        self.seed = seed
        self.rows = tuple(rows)
        self._lengths = np.array([*(len(file.feature()) for file in media.recordings), 0], int)
        self._members = self._with_windows(rows)

    @property
    def skipped(self) -> tuple[Skipped, ...]:
        """The files that could not be used, and why."""
        return self.media.skipped

    @property
    def class_names(self) -> tuple[str, ...]:
        """One name per class."""
        return self.media.class_names

    def __len__(self) -> int:
        return len(self._members)

    @overload
    def __getitem__(self, index: int) -> Triplet: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Triplet]: ...
    def __getitem__(self, index: int | slice) -> Triplet | Sequence[Triplet]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        members = self._members[index]
        photos = [None if i == ABSENT else str(self.media.images[i].path) for i in members[:, 0]]
        sounds = [self._audio(*member) for member in members[:, 1:]]
        return Triplet(photos[0], sounds[0], photos[1], sounds[1], photos[2], sounds[2])

    def to_dataset(
        self,
        batch_size: int,
        *,
        shuffle: bool = True,
        augment: bool = False,
        audio_windows: AudioWindows | None = None,
        photos: PhotoSource | None = None,
        epoch: EpochCounter | None = None,
        seed: int | None = None,
    ) -> tf.data.Dataset:
        """What `model.fit` of a triplet model takes.

        Args:
            batch_size: int >= 1, triplets per batch.
            shuffle: whether each epoch has its own order.
            augment: whether photos are varied lightly, as their source does it: see
                `augment_photo`.
            audio_windows: which piece of a long recording a member holds: "fixed", the one that
                indexing gives; or "random", drawn anew each epoch. Default: random with `augment`,
                else fixed.
            photos: where photos come from: the stored ones (default), or features of a frozen trunk.
            epoch: which epoch an iterator belongs to, see `training.SetEpoch`. Default: the first
                iterator is epoch 0, and each further one the next.
            seed: int >= 0 or None for the triplets' own. Order, variations and windows are a function
                of seed and epoch.

        Returns:
            tf.data.Dataset of (inputs, labels). Inputs by name: `anchor_image`, `positive_image`,
            `negative_image` float32 [batch, 224, 224, 3], RGB in [0, 1] (or [batch, *photos.shape]);
            `anchor_audio`, `positive_audio`, `negative_audio` float32 [batch, window_frames, size].
            Labels int32 [batch, 3, 3]: of each role class index, photo id and recording id; files of
            equal content have equal ids.

        Raises:
            ValueError: the batch size is below 1, the seed below 0, or `audio_windows` unknown.
        """
        if batch_size < 1:
            raise ValueError(f"Expected batch_size >= 1, received {batch_size}.")
        if audio_windows not in AUDIO_WINDOWS:
            raise ValueError(
                f"Expected audio_windows to be one of {AUDIO_WINDOWS}, received {audio_windows!r}."
            )
        loader = MemberLoader(
            self.media, window_frames=self.window_frames, photos=photos, augment=augment
        )
        draws_windows = augment if audio_windows is None else audio_windows == "random"

        def plan(rng: np.random.Generator) -> np.ndarray:
            members = self._members  # as they are when the epoch begins
            return (members[rng.permutation(len(members))] if shuffle else members).reshape(-1, 9)

        def load(rows: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
            images, recordings, starts = rows.reshape(-1, 3).T  # anchor, positive, negative in turn
            if draws_windows:
                starts = np.full_like(starts, DRAWN)
            labels = loader.labels(images, recordings)
            arrays = (*loader.load(images, recordings, starts, rng), labels)
            return tuple(array.reshape(-1, 3, *array.shape[1:]) for array in arrays)

        batches = build_dataset(
            plan,
            load,
            batch_size=batch_size,
            num_batches=-(-len(self) // batch_size),
            loader=loader,
            item_shape=(3,),
            epoch=epoch,
            seed=self.seed if seed is None else seed,
        )
        return batches.map(_by_role).prefetch(2)

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
            "front_end": asdict(self.media.front_end),
        }
        write_text_atomically(root / "triplets.json", json.dumps(document))

    @classmethod
    def load(cls, directory: str | Path) -> Triplets:
        """The triplets that `save` wrote; features stay on disk until they are used.

        Args:
            directory: the folder that `save` was given.

        Raises:
            FileNotFoundError: the folder holds no saved triplets.
            ValueError: they were written by another version.
        """
        root = Path(directory)
        if not (root / "triplets.json").is_file():
            raise FileNotFoundError(
                f"No triplets in '{root}'. Expected a folder that `Triplets.save` or "
                "`fused-encoder prepare --out` wrote, with a file triplets.json."
            )
        document = json.loads((root / "triplets.json").read_text(encoding="utf-8"))
        if document["schema"] != SCHEMA:
            raise ValueError(
                f"'{root}' has schema {document['schema']}, this version reads {SCHEMA}. Prepare the "
                "triplets again, or use the version of fused-encoder that wrote them."
            )
        media = PreparedMedia(
            tuple(document["class_names"]),
            tuple(_from_json(entry, root / "images") for entry in document["images"]),
            tuple(_from_json(entry, root / "recordings") for entry in document["recordings"]),
            tuple(Skipped(Path(entry["path"]), entry["reason"]) for entry in document["skipped"]),
            FrontEndSpec(**document["front_end"]),
        )
        rows = [TripletRow(*row) for row in document["rows"]]
        return cls(media, rows, window_frames=document["window_frames"], seed=document["seed"])

    def with_rows(self, rows: Sequence[TripletRow]) -> Triplets:
        """The same photos and recordings with other triplets, as mining again gives them."""
        return Triplets(replace(self.media), rows, window_frames=self.window_frames, seed=self.seed)

    def replace_rows(self, rows: Sequence[TripletRow]) -> None:
        """Other triplets in place, for the datasets that were made of these: from their next epoch on.

        Args:
            rows: as many as there are.

        Raises:
            ValueError: they are more or fewer.
        """
        if len(rows) != len(self):
            raise ValueError(
                f"Expected {len(self)} rows, as many as there are triplets (a dataset's length stays), "
                f"received {len(rows)}. Use with_rows for others."
            )
        self.rows = tuple(rows)
        self._members = self._with_windows(rows)  # one assignment: a reader has all old or all new

    def _audio(self, recording: int, start: int) -> np.ndarray:
        if recording == ABSENT:
            return np.zeros((0, self.media.front_end.embedding_size), np.float32)
        sequence = self.media.recordings[recording].feature()
        return np.array(sequence[start : start + self.window_frames])

    def _with_windows(self, rows: Sequence[TripletRow]) -> np.ndarray:
        """Photo, recording and first frame of each role's window, int [num_triplets, 3, 3]."""
        files = np.array(rows, int).reshape(-1, 3, 2)
        choices = np.maximum(self._lengths[files[:, :, 1]] - self.window_frames, 0) + 1
        starts = np.random.default_rng(self.seed).integers(0, choices)
        return np.concatenate([files, starts[:, :, None]], axis=2)


def _by_role(
    photos: tf.Tensor, audio: tf.Tensor, labels: tf.Tensor
) -> tuple[dict[str, tf.Tensor], tf.Tensor]:
    inputs = {}
    for position, role in enumerate(("anchor", "positive", "negative")):
        inputs[f"{role}_image"] = photos[:, position]
        inputs[f"{role}_audio"] = audio[:, position]
    return inputs, labels


def _to_json(member: PreparedFile) -> dict[str, object]:
    return {
        "path": str(member.path),
        "class_index": member.class_index,
        "content": member.content,
        "source": member.named_source,
        "box": member.box,
    }


def _from_json(entry: dict, features: Path) -> PreparedFile:
    path = features / f"{entry['content']}.npy"
    named = (Path(entry["path"]), entry["class_index"], entry["content"])
    box = entry["box"] and tuple(entry["box"])
    return PreparedFile(*named, path, entry["source"], box)
