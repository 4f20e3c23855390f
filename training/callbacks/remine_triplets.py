"""Mining again: as the encoder learns, its own embeddings say which negatives are hard."""

import logging
from collections import Counter
from functools import partial
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from training.live_embedding import check_photos
from triplets.candidates import CandidatePairs, draw_candidate_pairs
from triplets.dataset import Triplets
from triplets.mining import Mining, TripletRow, mine_triplets, option_problems
from triplets.photos import PhotoSource, scale_photos
from triplets.pipeline import DRAWN, MemberLoader
from triplets.prepared import PreparedMedia

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
        encoder: from `create_fused_encoder`; or the part behind its frozen trunk, with `photos`.
        media: photos and recordings.
        photos: what the encoder's `image_input` takes. Default: the stored photos.
        window_frames: int >= 1, frames of the audio front end in a window. Default 10.
        num_pairs_per_class: int >= 2, or None: see `draw_candidate_pairs`.
        batch_size: int >= 1, pairs embedded at once.
        seed: int >= 0, for which pairs and which windows.

    Returns:
        `CandidatePairs`, embeddings float32 [num_pairs, embedding_size].

    Raises:
        ValueError: an option is out of range, or the photos do not have the shape that the encoder takes.
    """
    if batch_size < 1:
        raise ValueError(f"Expected batch_size >= 1, received {batch_size}.")
    check_photos(encoder, photos)
    images, recordings = draw_candidate_pairs(media, num_pairs_per_class, seed=seed)
    loader = MemberLoader(media, window_frames=window_frames, photos=photos)
    rng = np.random.default_rng(seed)
    embed = tf.function(partial(encoder, training=False), reduce_retracing=True)
    embeddings = []
    for first in range(0, len(images), batch_size):
        part = slice(first, first + batch_size)
        starts = np.full(len(images[part]), DRAWN)
        seen, heard = loader.load(images[part], recordings[part], starts, rng)
        batch = {"image_input": tf.constant(scale_photos(seen)), "audio_input": tf.constant(heard)}
        embeddings.append(np.asarray(embed(batch), np.float32))
    return CandidatePairs(images, recordings, np.concatenate(embeddings))


class RemineTriplets(keras.callbacks.Callback):
    """Every n epochs mines a dataset's triplets anew, with the encoder as it is by then.

    The datasets that were made of `triplets` give the new ones from that epoch on; their length stays.
    Epochs 0 to n - 1 have the triplets as they were prepared. For a run that may be killed and restored
    between two minings, give `rows_path`: the rows in force are kept there.

    Args:
        triplets: those that the running dataset was made of, the same number for each class; their
            rows are replaced.
        encoder: the one that is trained: the whole encoder, or the part behind its frozen trunk.
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
        self._every = every
        self._rows_path = None if rows_path is None else Path(rows_path)
        self._seed = seed
        self._prepared = triplets.rows
        self._mined_at = 0
        how_many = _num_triplets_per_class(triplets, every, mining)
        self._mine_rows = partial(mine_triplets, triplets.media, how_many, mining=mining)
        self._embed = partial(
            embed_candidates,
            encoder,
            triplets.media,
            photos=photos,
            window_frames=triplets.window_frames,
            num_pairs_per_class=num_pairs_per_class,
        )

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Mines when it is time, or brings back what a killed run had mined."""
        due = epoch - epoch % self._every
        if due == self._mined_at:
            return
        if due == 0:
            self._triplets.replace_rows(self._prepared)
        else:
            saved = None if due == epoch else self._saved_rows(due)
            self._triplets.replace_rows(saved or self._mine(due, epoch))
        self._mined_at = due

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Removes the file of rows: the run needs no restoring."""
        if self._rows_path is not None:
            self._rows_path.unlink(missing_ok=True)

    def _mine(self, due: int, epoch: int) -> list[TripletRow]:
        if due != epoch:
            logger.warning(
                "The triplets mined at epoch %d are lost; mining with the encoder of epoch %d instead. "
                "Give RemineTriplets a rows_path to go on exactly as before.",
                *(due, epoch),
            )
        seed = int(np.random.SeedSequence((self._seed, due)).generate_state(1)[0])
        rows = self._mine_rows(embeddings=self._embed(seed=seed), seed=seed)
        if self._rows_path is not None:
            self._rows_path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._rows_path.with_suffix(".part.npz")
            np.savez(temporary, epoch=due, rows=np.array(rows))
            temporary.replace(self._rows_path)
        return rows

    def _saved_rows(self, epoch: int) -> list[TripletRow] | None:
        """The rows that were mined at this epoch, if they were kept."""
        if self._rows_path is None or not self._rows_path.is_file():
            return None
        with np.load(self._rows_path) as saved:
            is_due = saved["epoch"] == epoch and len(saved["rows"]) == len(self._triplets)
            return [TripletRow(*row) for row in saved["rows"].tolist()] if is_due else None


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
