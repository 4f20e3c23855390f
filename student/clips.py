"""Clips of labelled recordings as a student hears them: made once, stored, in memory for training."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from media import UnreadableMediaError
from soundscapes.recordings import LabelledRecordings
from student.hearing import StudentHearing
from triplets import FeatureStore, Skipped
from triplets.splits import content_source
from triplets.store import load_feature

logger = logging.getLogger(__name__)

MAX_SECONDS = 60.0


@dataclass(frozen=True)
class StudentClips:
    """Recordings cut into clips. No clip is a changed copy of another: training changes its own as it goes.

    Attributes:
        hearing: how they were made.
        recordings: those that could be read.
        mel: float32 [num_clips, num_rows, num_bands], decibels.
        features: float32 [num_clips, 18].
        recording_of: int64 [num_clips], ascending, into `recordings`.
        extra: float32 [num_clips, num_extra], NaN where not known.
        skipped: recordings that could not be read, and why.
    """

    hearing: StudentHearing
    recordings: LabelledRecordings
    mel: np.ndarray
    features: np.ndarray
    recording_of: np.ndarray
    extra: np.ndarray
    skipped: tuple[Skipped, ...] = ()

    def __len__(self) -> int:
        return len(self.mel)

    @property
    def primary(self) -> np.ndarray:
        """int64 [num_clips], the species of each clip's recording."""
        return self.recordings.primary[self.recording_of]

    @property
    def sources(self) -> np.ndarray:
        """Str [num_clips], what each clip's recording comes from."""
        return np.array(sources_of(self.recordings))[self.recording_of]

    @property
    def inputs(self) -> list[np.ndarray]:
        """As the network takes them."""
        return [self.mel, self.features, *([self.extra] if self.extra.shape[1] else [])]

    def clips_of(self, number: int) -> slice:
        """Where the clips of a recording are."""
        first, last = np.searchsorted(self.recording_of, [number, number + 1])
        return slice(int(first), int(last))


def prepare_clips(
    recordings: LabelledRecordings,
    hearing: StudentHearing,
    *,
    max_seconds: float = MAX_SECONDS,
    extra: Mapping[Path, Sequence[float]] | None = None,
    store: FeatureStore | None = None,
    progress: bool = True,
) -> StudentClips:
    """Hears recordings, each once ever: what was made is stored by content and by the hearing.

    Args:
        recordings: labelled ones.
        hearing: rate, band and clips; every file is resampled to it.
        max_seconds: float > 0, read of each recording, from its start.
        extra: further numbers of recordings by path, such as depth, see `create_student(num_extra=...)`; of
            one length each, NaN where not known. Paths that are left out have none.
        store: where inputs are kept. Default: the user's cache.
        progress: whether to show a bar.

    Raises:
        ValueError: none of the recordings can be read.
    """
    store = store or FeatureStore()
    heard: list[np.ndarray] = []
    places: list[int] = []
    skipped: list[Skipped] = []
    for place, one in enumerate(tqdm(recordings, "hearing", disable=not progress, leave=False)):
        try:
            heard.append(_stored_inputs(one.path, hearing, max_seconds, store))
            places.append(place)
        except (UnreadableMediaError, FileNotFoundError, ValueError) as error:
            skipped.append(Skipped(one.path, str(error)))
            logger.warning("Skipped '%s': %s", one.path, error)
    if not heard:
        raise ValueError(
            f"None of the {len(recordings)} recordings can be read; the log says what is wrong with each."
        )
    usable = recordings.only(places)
    flat = np.concatenate(heard)
    recording_of = np.repeat(np.arange(len(usable)), [len(each) for each in heard])
    split = hearing.num_rows * hearing.num_bands
    mel = flat[:, :split].reshape(-1, hearing.num_rows, hearing.num_bands)
    return StudentClips(
        hearing,
        usable,
        mel,
        flat[:, split:],
        recording_of,
        _extra(usable, extra or {})[recording_of],
        tuple(skipped),
    )


def sources_of(recordings: LabelledRecordings) -> list[str]:
    """What each recording comes from: its source if that was named, else its content."""
    return [one.source or content_source(one.path) for one in recordings]


def _stored_inputs(
    path: Path, hearing: StudentHearing, max_seconds: float, store: FeatureStore
) -> np.ndarray:
    """Mel and features side by side: float32 [num_clips, num_rows * num_bands + 18]."""

    def compute() -> np.ndarray:
        mel, features = hearing.inputs(hearing.load(path, max_seconds=max_seconds))
        return np.concatenate([mel.reshape(len(mel), -1), features], axis=1)

    key = f"{content_source(path)}-student-{hearing.fingerprint}-{round(max_seconds * 1000)}"
    return np.asarray(load_feature(store.get(key, compute)))


def _extra(recordings: LabelledRecordings, extra: Mapping[Path, Sequence[float]]) -> np.ndarray:
    size = len(next(iter(extra.values()), ()))
    missing = (np.nan,) * size
    rows = [tuple(extra.get(one.path, missing)) for one in recordings]
    if any(len(row) != size for row in rows):
        raise ValueError(f"Expected {size} further numbers for each recording, received others.")
    return np.array(rows, np.float32).reshape(len(rows), size)


def recording_means(values: np.ndarray, recording_of: np.ndarray) -> np.ndarray:
    """The mean over each recording's clips: [num_clips, size] -> [num_recordings, size]."""
    sums = np.zeros((int(recording_of[-1]) + 1, values.shape[1]), np.float64)
    np.add.at(sums, recording_of, values)
    return (sums / np.bincount(recording_of)[:, None]).astype(np.float32)
