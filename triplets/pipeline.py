"""From a plan of each epoch to the `tf.data.Dataset` that `model.fit` reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from triplets.photos import PhotoSource, StoredPhotos, load_photos
from triplets.prepared import ABSENT, PreparedFile, PreparedMedia, source_ids

DRAWN = -1  # a window that is drawn when it is read

Plan = Callable[[np.random.Generator], np.ndarray]
Load = Callable[[np.ndarray, np.random.Generator], tuple[np.ndarray, ...]]


class EpochCounter:
    """The epoch that a dataset's next iterator belongs to.

    Left alone, each iterator is the next epoch. Under `training.SetEpoch` the counter stands at the epoch
    that `model.fit` is in, however many iterators Keras makes.

    Args:
        epoch: int >= 0, the first epoch. It may also be set between two epochs.

    Raises:
        ValueError: the epoch is below 0.
    """

    def __init__(self, epoch: int = 0) -> None:
        if epoch < 0:
            raise ValueError(f"Expected epoch >= 0, received {epoch}.")
        self.epoch = epoch
        self._is_held = False

    def begin(self) -> int:
        """The epoch of an iterator that starts now; the next one's is one higher, unless held."""
        epoch = self.epoch
        if not self._is_held:
            self.epoch = epoch + 1
        return epoch

    def hold(self, epoch: int) -> None:
        """Every iterator that starts from now on belongs to this epoch, int >= 0."""
        self.epoch = epoch
        self._is_held = True

    def release(self) -> None:
        """Each iterator that starts from now on is the next epoch."""
        if self._is_held:
            self.epoch += 1
        self._is_held = False


class MemberLoader:
    """Reads members of a batch from disk; holds none of them.

    Args:
        media: the photos and recordings that members are made of.
        window_frames: int >= 1, how many frames of sound a member holds at most.
        photos: where photos come from. Default: as they are stored.
        augment: whether photos are varied, as their source does it.

    Raises:
        ValueError: `window_frames` is below 1.
    """

    def __init__(
        self,
        media: PreparedMedia,
        *,
        window_frames: int,
        photos: PhotoSource | None = None,
        augment: bool = False,
    ) -> None:
        if window_frames < 1:
            raise ValueError(f"Expected window_frames >= 1, received {window_frames}.")
        self.photos = StoredPhotos(media) if photos is None else photos
        self.audio_size = media.front_end.embedding_size
        self._recordings = media.recordings
        self._window_frames = window_frames
        self._augment = augment
        self._image_ids = source_ids(media.images)
        self._recording_ids = source_ids(media.recordings)
        self._image_classes = _classes(media.images)
        self._recording_classes = _classes(media.recordings)

    def load(
        self,
        images: np.ndarray,
        recordings: np.ndarray,
        starts: np.ndarray,
        rng: np.random.Generator,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The photos and windows of members.

        Args:
            images: int [num_members], into `media.images`; -1 is absent.
            recordings: int [num_members], into `media.recordings`; -1 is absent.
            starts: int [num_members], the windows' first frames; -1 to draw one.
            rng: where windows and variations of photos are drawn from.

        Returns:
            Photos of the source's dtype [num_members, *photos.shape], audio sequences float32
            [num_members, window_frames, size], right-padded with zeros; what is absent is zeros.
        """
        loaded = load_photos(self.photos, images, rng if self._augment else None)
        audio = np.zeros((len(recordings), self._window_frames, self.audio_size), np.float32)
        for window, recording, start in zip(audio, recordings, starts, strict=True):
            if recording != ABSENT:
                sequence = self._recordings[recording].feature()
                if start == DRAWN:
                    start = rng.integers(0, max(len(sequence) - self._window_frames, 0) + 1)
                part = sequence[start : start + self._window_frames]
                window[: len(part)] = part
        return loaded, audio

    def labels(self, images: np.ndarray, recordings: np.ndarray) -> np.ndarray:
        """Class index, photo id and recording id (-1: absent) of members, int32 [num_members, 3].

        Args:
            images: int [num_members].
            recordings: int [num_members].
        """
        of_image, of_recording = self._image_classes[images], self._recording_classes[recordings]
        classes = np.where(images == ABSENT, of_recording, of_image)
        columns = (classes, self._image_ids[images], self._recording_ids[recordings])
        return np.stack(columns, axis=-1).astype(np.int32)


def build_dataset(
    plan: Plan,
    load: Load,
    *,
    batch_size: int,
    num_batches: int,
    loader: MemberLoader,
    item_shape: tuple[int, ...] = (),
    epoch: EpochCounter | None = None,
    seed: int = 0,
) -> tf.data.Dataset:
    """Batches of photos, audio sequences and labels, in an order that depends on seed and epoch alone.

    When an iterator gives its first batch it asks for the epoch and for that epoch's plan, and keeps
    to it: what is changed meanwhile (mined again) shows in the next epoch.

    Args:
        plan: gives an epoch's items in their order, int64 [num_items, num_columns].
        load: int64 [batch, num_columns] -> photos [batch, *item_shape, *photos.shape], audio
            sequences float32 [batch, *item_shape, num_frames, size], labels int32 [batch, *item_shape, 3].
        batch_size: int >= 1, items per batch.
        num_batches: int >= 0, in each epoch.
        loader: says the photos' shape and dtype (pixels are scaled to [0, 1], features become float32) and
            the size of an audio frame.
        item_shape: of one item in members: () for a pair, (3,) for a triplet.
        epoch: which epoch an iterator belongs to. Default: one counter for this dataset.
        seed: int >= 0.

    Returns:
        tf.data.Dataset of (photos float32, audio sequences float32, labels int32).

    Raises:
        ValueError: the seed is below 0.
    """
    if seed < 0:
        raise ValueError(f"Expected seed >= 0, received {seed}.")
    counter = EpochCounter() if epoch is None else epoch

    def begin() -> tuple[np.ndarray, np.ndarray]:
        number = counter.begin()
        return np.array(number), plan(np.random.default_rng((seed, number))).astype(np.int64)

    def read(rows: np.ndarray, number: int, step: int) -> tuple[np.ndarray, ...]:
        # step + 1: NumPy takes (seed, epoch, 0) for (seed, epoch)
        return load(rows, np.random.default_rng((seed, int(number), int(step) + 1)))

    def in_batches(number: tf.Tensor, items: tf.Tensor) -> tf.data.Dataset:
        batches = tf.data.Dataset.from_tensor_slices(items).batch(batch_size)
        return batches.enumerate().map(lambda step, rows: (rows, number, step))

    def tensors(*batch: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        photos = loader.photos
        dtypes = [tf.as_dtype(photos.dtype), tf.float32, tf.int32]
        seen, heard, labels = tf.numpy_function(read, batch, dtypes)
        seen.set_shape((None, *item_shape, *photos.shape))
        heard.set_shape((None, *item_shape, None, loader.audio_size))
        labels.set_shape((None, *item_shape, 3))
        is_pixels = seen.dtype == tf.uint8
        seen = tf.cast(seen, tf.float32)
        return seen / 255.0 if is_pixels else seen, heard, labels

    dataset = tf.data.Dataset.range(1)
    dataset = dataset.map(lambda _: tf.numpy_function(begin, [], [tf.int64, tf.int64]))
    dataset = dataset.flat_map(in_batches)
    dataset = dataset.apply(tf.data.experimental.assert_cardinality(num_batches))
    return dataset.map(tensors, num_parallel_calls=2, deterministic=True)


def _classes(files: Sequence[PreparedFile]) -> np.ndarray:
    return np.array([*(file.class_index for file in files), ABSENT])
