"""Mining again: as the encoder learns, its own embeddings say which negatives are hard."""

from __future__ import annotations

import hashlib
import logging
import os
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from training.live_embedding import check_photos
from triplets.candidates import CandidatePairs, draw_candidate_pairs
from triplets.dataset import Triplets
from triplets.features import PreparedMedia
from triplets.members import DRAWN, MemberLoader
from triplets.mining import Mining, TripletRow, mine_triplets, option_problems
from triplets.photos import PhotoSource, scale_photos

logger = logging.getLogger(__name__)


def embed_candidates(
    encoder: keras.Model,
    media: PreparedMedia,
    *,
    photos: PhotoSource | None = None,
    window_frames: int = 10,
    num_pairs_per_class: int | None = None,
    batch_size: int = 32,
    seed: int = 0,
) -> CandidatePairs:
    """Pairs of every class as an encoder sees them, for `mine_triplets(embeddings=...)`.

    Each pair is a photo, unvaried, and a window of a recording drawn by the seed. Only one batch of
    them is held at a time, and their embeddings.

    Args:
        encoder: from `create_fused_encoder`; or a head behind a frozen trunk, with its `photos`.
        media: photos and recordings.
        photos: what the encoder's `image_input` takes. Default: the stored photos.
        window_frames: int >= 1, frames in a window. Default 10 (5 s of YAMNet's).
        num_pairs_per_class: int >= 2, or None: see `draw_candidate_pairs`.
        batch_size: int >= 1, pairs embedded at once.
        seed: int >= 0, for which pairs and which windows.

    Returns:
        `CandidatePairs`, embeddings float32 [num_pairs, embedding_size].

    Raises:
        ValueError: an option is out of range, or the photos do not have the shape that the encoder takes.
    Example:
        >>> triplets = prepare_triplets(
        ...     "photos", "calls", yamnet, mining="semi-hard",
        ...     embeddings=lambda media: embed_candidates(encoder, media),
        ... )
    """
    if batch_size < 1:
        raise ValueError(f"Expected batch_size >= 1, received {batch_size}.")
    check_photos(encoder, photos)
    images, recordings = draw_candidate_pairs(media, num_pairs_per_class, seed=seed)
    loader = MemberLoader(media, window_frames=window_frames, photos=photos)
    rng = np.random.default_rng(seed)
    # Not encoder.predict: under a tf.distribute strategy that would share the pairs out.
    spec = {
        "image_input": tf.TensorSpec((None, *loader.photos.shape)),
        "audio_input": tf.TensorSpec((None, *loader.audio_shape)),
    }
    embed = tf.function(partial(encoder, training=False), input_signature=[spec])
    embeddings = []
    for first in range(0, len(images), batch_size):
        part = slice(first, first + batch_size)
        starts = np.full(len(images[part]), DRAWN)
        seen, heard = loader.load(images[part], recordings[part], starts, rng)
        batch = {"image_input": scale_photos(seen), "audio_input": heard}
        embeddings.append(np.asarray(embed(batch), np.float32))
    return CandidatePairs(images, recordings, np.concatenate(embeddings))


class MineAgain(keras.callbacks.Callback):
    """Every n epochs mines a dataset's triplets anew, with the encoder as it is by then.

    The datasets that were made of `triplets` give the new ones from that epoch on; their length stays.
    Epochs 0 to n - 1 have the triplets as they were prepared. What is mined at an epoch is a function
    of the encoder's weights, the epoch and the seed. For a run that may be killed and restored between
    two minings, when those weights are gone, give `rows_path`: the rows in force are kept there.

    Args:
        triplets: those that the running dataset was made of, the same number for each class; their
            rows are replaced.
        encoder: the one that is trained: the whole encoder, or the head behind a frozen trunk.
        every: int >= 1, epochs between two minings. Default 5.
        mining: how negatives are chosen, see `mine_triplets`. Default "semi-hard".
        photos: where the encoder's photos come from, as given to the dataset.
        num_pairs_per_class: int >= 2 or None, how many candidates are embedded, see
            `draw_candidate_pairs`.
        rows_path: a file of its own (.npz), outside of `BackupAndRestore`'s folder; it is removed when
            training ends.
        seed: int >= 0, for which candidates are drawn.

    Raises:
        ValueError: an option is out of range, the classes have different numbers of triplets, or the
            photos do not have the shape that the encoder takes.
    Example:
        >>> counter = EpochCounter()
        >>> dataset = triplets.to_dataset(batch_size=8, epoch=counter)
        >>> again = MineAgain(triplets, encoder, every=2)
        >>> model.fit(dataset, epochs=10, callbacks=[FollowEpoch(counter), again])
    """

    def __init__(
        self,
        triplets: Triplets,
        encoder: keras.Model,
        *,
        every: int = 5,
        mining: Mining = "semi-hard",
        photos: PhotoSource | None = None,
        num_pairs_per_class: int | None = None,
        rows_path: str | Path | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        check_photos(encoder, photos)
        self._triplets = triplets
        self._encoder = encoder
        self._every = every
        self._mining = mining
        self._photos = photos
        self._num_pairs_per_class = num_pairs_per_class
        self._rows_path = None if rows_path is None else Path(rows_path)
        self._seed = seed
        self._num_triplets_per_class = _num_triplets_per_class(triplets, every, mining)
        self._prepared = triplets.rows
        self._mined_at = 0
        self._fingerprint = _fingerprint(triplets.media, mining, num_pairs_per_class, seed)

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Mines when it is time, or brings back what a killed run had mined."""
        due = epoch - epoch % self._every
        if due == self._mined_at:
            return
        if due == 0:
            rows: Sequence[TripletRow] = self._prepared
        elif due == epoch:
            rows = self._mine(epoch)
        else:
            rows = self._saved_rows(due) or self._mine_late(due, epoch)
        self._triplets.replace_rows(rows)
        self._mined_at = due

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Removes the file of rows: the run needs no restoring."""
        if self._rows_path is not None:
            self._rows_path.unlink(missing_ok=True)

    def _mine_late(self, due: int, epoch: int) -> list[TripletRow]:
        logger.warning(
            "The triplets mined at epoch %d are not to be had; mining with the encoder of epoch %d "
            "instead. Give MineAgain a rows_path to go on exactly as before.",
            *(due, epoch),
        )
        return self._mine(due)

    def _mine(self, epoch: int) -> list[TripletRow]:
        seed = int(np.random.SeedSequence((self._seed, epoch)).generate_state(1)[0])
        candidates = embed_candidates(
            self._encoder,
            self._triplets.media,
            photos=self._photos,
            window_frames=self._triplets.window_frames,
            num_pairs_per_class=self._num_pairs_per_class,
            seed=seed,
        )
        rows = mine_triplets(
            self._triplets.media,
            self._num_triplets_per_class,
            mining=self._mining,
            embeddings=candidates,
            seed=seed,
        )
        self._save_rows(epoch, rows)
        return rows

    def _save_rows(self, epoch: int, rows: list[TripletRow]) -> None:
        if self._rows_path is None:
            return
        self._rows_path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._rows_path.with_name(f"{self._rows_path.name}.{os.getpid()}.part")
        with temporary.open("wb") as file:
            np.savez(file, epoch=epoch, rows=np.array(rows), made_of=self._fingerprint)
        temporary.replace(self._rows_path)

    def _saved_rows(self, epoch: int) -> list[TripletRow] | None:
        """The rows that were mined at this epoch of this run, if they were kept."""
        if self._rows_path is None or not self._rows_path.is_file():
            return None
        with np.load(self._rows_path) as saved:
            if saved["epoch"] != epoch or saved["made_of"] != self._fingerprint:
                return None
            return [TripletRow(*row) for row in saved["rows"].tolist()]


def _num_triplets_per_class(triplets: Triplets, every: int, mining: Mining) -> int:
    images = triplets.media.images
    counts = Counter(images[row.anchor_image].class_index for row in triplets.rows)
    numbers = {counts[index] for index in range(len(triplets.class_names))}
    problems = option_problems(max(1, *numbers), mining)
    if every < 1:
        problems.append(f"expected every >= 1 (epochs), received {every}")
    if len(numbers) != 1 or numbers == {0}:
        problems.append(
            "expected triplets with the same number of anchors for each class, as prepare_triplets "
            f"mines them, received {', '.join(map(str, sorted(numbers)))}"
        )
    if problems:
        raise ValueError(f"Triplets cannot be mined again: {'; '.join(problems)}.")
    return numbers.pop()


def _fingerprint(media: PreparedMedia, *options: object) -> str:
    contents = [file.content for file in (*media.images, *media.recordings)]
    return hashlib.sha256(repr((contents, options)).encode()).hexdigest()
