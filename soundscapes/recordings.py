"""Labelled recordings: which species sing in them, though not when; and the folders they come from."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from triplets.folders import LabelledFiles, MediaFile, SourceOf, named, scan_folders

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LabelledRecording:
    """A recording and what is known to sing in it, though not when: a weak label.

    Attributes:
        path: where the file is.
        primary: int, its main species, into `LabelledRecordings.class_names`.
        secondary: other species that sing in it.
        source: what it comes from (a recordist, a tape, an outing), see `triplets.MediaFile`.
        rating: its quality as people rated it, 0.5 to 5; None where unknown.
        place: latitude and longitude in degrees; None where unknown.
    """

    path: Path
    primary: int
    secondary: tuple[int, ...] = ()
    source: str | None = None
    rating: float | None = None
    place: tuple[float, float] | None = None


@dataclass(frozen=True)
class LabelledRecordings(Sequence[LabelledRecording]):
    """Recordings, each with its species: a sequence that knows the names of the species.

    Args:
        class_names: the species, sorted.
        recordings: sorted by species and path.
    """

    class_names: tuple[str, ...]
    recordings: tuple[LabelledRecording, ...]

    def __len__(self) -> int:
        return len(self.recordings)

    def __getitem__(self, index):  # type: ignore[no-untyped-def] # as of a tuple
        return self.recordings[index]

    @property
    def counts(self) -> dict[str, int]:
        """How many recordings have each species as their main one."""
        number = Counter(recording.primary for recording in self)
        return {name: number[index] for index, name in enumerate(self.class_names)}

    @property
    def primary(self) -> np.ndarray:
        """int64 [num_recordings], the main species."""
        return np.array([recording.primary for recording in self], np.int64)

    def labels(self, secondary_weight: float = 1.0) -> np.ndarray:
        """All species of each recording, float32 [num_recordings, num_classes].

        Args:
            secondary_weight: float in [0, 1], in place of 1 for secondary species.
        """
        labels = np.zeros((len(self), len(self.class_names)), np.float32)
        for row, recording in zip(labels, self, strict=True):
            row[list(recording.secondary)] = secondary_weight
            row[recording.primary] = 1.0
        return labels

    def only(self, places: Sequence[int] | np.ndarray) -> LabelledRecordings:
        """Some of the recordings, in this order; the species stay."""
        return replace(self, recordings=tuple(self.recordings[place] for place in places))

    def files(self) -> LabelledFiles:
        """As `triplets.prepare_media` takes them."""
        found = (MediaFile(one.path, one.primary, one.source) for one in self)
        return LabelledFiles(self.class_names, (), tuple(found))


def scan_recordings(
    folder: str | Path, *, source_of: SourceOf | Literal["folder"] | None = None
) -> LabelledRecordings:
    """The recordings of a folder with one sub-folder per species.

    Args:
        folder: see `triplets.scan_folders`.
        source_of: names the source of a file, likewise. Default: its content.

    Raises:
        FileNotFoundError, ValueError: as `triplets.scan_folders`.
    """
    files = scan_folders(None, folder, min_sources_per_class=1, source_of=source_of)
    return checked_species(
        LabelledRecordings(
            files.class_names,
            tuple(
                LabelledRecording(file.path, file.class_index, source=file.source)
                for file in files.recordings
            ),
        )
    )


def checked_species(recordings: LabelledRecordings) -> LabelledRecordings:
    """The recordings, if they are of several species; those with one recording are told of."""
    if len(recordings.class_names) < 2:
        raise ValueError(
            "Expected recordings of at least two species, received only "
            f"'{recordings.class_names[0]}'. Add a folder or label for what is to be told apart from "
            "it, such as background noise."
        )
    lonely = [name for name, count in recordings.counts.items() if count == 1]
    if lonely:
        logger.warning(
            "Species with one recording are trained on and cannot be evaluated: %s.", named(lonely)
        )
    return recordings
