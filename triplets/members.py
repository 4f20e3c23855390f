"""Members: the photo and the piece of sound of each member of a batch, and what it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from triplets.features import PreparedFile, PreparedMedia
from triplets.photos import PhotoSource, StoredPhotos, load_photos

ABSENT = -1  # a member without photo, or without recording
DRAWN = -1  # a window that is drawn when it is read


class MemberLoader:
    """Reads members of a batch from disk; holds none of them.

    Args:
        media: the photos and recordings that members are made of.
        window_frames: int >= 1, how many YAMNet frames a member holds at most.
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
        self._recordings = media.recordings
        self.audio_shape = (window_frames, media.front_end.embedding_size)
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
            [num_members, *audio_shape], right-padded with zeros; what is absent is zeros.
        """
        loaded = load_photos(self.photos, images, rng if self._augment else None)
        audio = np.zeros((len(recordings), *self.audio_shape), np.float32)
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


def _classes(files: Sequence[PreparedFile]) -> np.ndarray:
    return np.array([*(file.class_index for file in files), ABSENT])
