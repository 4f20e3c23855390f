"""The sightings of a count on disk: what `review` asks about, and what a catalogue takes in."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from individuals.crop_files import crop_file, save_crops
from individuals.sighting import Sighting
from individuals.sighting_table import SightingTable
from inference.embeddings import Embeddings
from media.atomic import atomic_file

if TYPE_CHECKING:
    from individuals.count import VideoCount

FILE_NAME = "sightings.npz"
SCHEMA = 1
ANSWERS = ("must_link", "cannot_link", "undecided")
KeyPair = tuple[str, str]


@dataclass(frozen=True, eq=False)
class CountedSightings:
    """Sightings grouped into individuals, with what a person said of them.

    Args:
        table: the sightings.
        labels: int [num], the individual of each, numbered from 0.
        threshold: float, the mean cosine similarity from which groups were joined.
        all_videos: videos that were looked at, those in which nothing was seen as well.
        must_link: pairs of keys that a person called the same.
        cannot_link: pairs of keys that a person called different.
        undecided: pairs of keys of which a person could not tell.
    """

    table: SightingTable
    labels: np.ndarray
    threshold: float
    all_videos: tuple[str, ...] = ()
    must_link: tuple[KeyPair, ...] = ()
    cannot_link: tuple[KeyPair, ...] = ()
    undecided: tuple[KeyPair, ...] = ()

    def __post_init__(self) -> None:
        if len(self.labels) != len(self.table):
            raise ValueError(
                f"Expected one label for each of the {len(self.table)} sightings, received "
                f"{len(self.labels)}."
            )

    @property
    def num_individuals(self) -> int:
        """Distinct individuals."""
        return len(np.unique(self.labels))

    def groups(self) -> list[list[int]]:
        """The rows of each individual, in the order of their numbers."""
        return [np.flatnonzero(self.labels == label).tolist() for label in np.unique(self.labels)]

    def rows(self, pairs: Iterable[KeyPair]) -> list[tuple[int, int]]:
        """Pairs of rows from pairs of keys; those of sightings that are not here are left out."""
        place = {key: row for row, key in enumerate(self.table.keys)}
        return [(place[a], place[b]) for a, b in pairs if a in place and b in place]


def save_counted_sightings(folder: str | Path, counted: VideoCount) -> Path:
    """Write the sightings of a count, and their crops as JPEG files in `crops/`.

    Args:
        folder: where; made if it is not there. `sightings.npz` appears whole, when the crops are there.
        counted: from `count_individuals`.

    Returns:
        The path of `sightings.npz`.
    """
    return save_sightings(
        folder,
        CountedSightings(
            save_crops(folder, counted.table),
            np.asarray(counted.count.labels),
            counted.count.threshold,
            tuple(counted.per_video),
        ),
    )


def save_sightings(folder: str | Path, counted: CountedSightings) -> Path:
    """Write `sightings.npz`; it appears whole or not at all.

    Args:
        folder: where; made if it is not there. Paths of crops are relative to it.
        counted: what to write.

    Returns:
        The path of the file.
    """
    target = Path(folder) / FILE_NAME
    target.parent.mkdir(parents=True, exist_ok=True)
    record = {
        "schema": SCHEMA,
        "sightings": [sighting.to_dict() for sighting in counted.table.sightings],
        "threshold": counted.threshold,
        "all_videos": counted.all_videos,
        **{name: getattr(counted, name) for name in ANSWERS},
        "fingerprint": counted.table.embeddings.fingerprint,
    }
    with atomic_file(target) as temporary:
        np.savez(
            temporary,
            embeddings=np.asarray(counted.table.embeddings),
            labels=np.asarray(counted.labels, np.int32),
            record=np.array(json.dumps(record)),
        )
    return target


def load_sightings(path: str | Path) -> CountedSightings:
    """What `save_sightings` wrote.

    Args:
        path: the folder, or the file in it.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is no such file, damaged, or of a newer version; or crops are outside of its folder.
    """
    file = Path(path) / FILE_NAME if Path(path).is_dir() else Path(path)
    if not file.is_file():
        raise FileNotFoundError(
            f"There is no {FILE_NAME} in '{path}'. Count with `fused-encoder count ... --out DIR` first."
        )
    try:
        with file.open("rb") as opened, np.load(opened, allow_pickle=False) as arrays:
            record = json.loads(str(arrays["record"]))
            if record["schema"] > SCHEMA:
                raise ValueError(f"it is of schema {record['schema']}; install a newer version")
            table = SightingTable(
                tuple(Sighting.from_dict(sighting) for sighting in record["sightings"]),
                Embeddings.of(arrays["embeddings"], record["fingerprint"]),
            )
            for sighting in table.sightings:
                crop_file(file.parent, sighting)
            links = {
                name: tuple((first, second) for first, second in record[name]) for name in ANSWERS
            }
            return CountedSightings(
                table, arrays["labels"], record["threshold"], tuple(record["all_videos"]), **links
            )
    except (KeyError, EOFError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"'{file}' does not hold counted sightings ({error}). Expected what "
            "`fused-encoder count ... --out DIR` or save_sightings wrote; count again."
        ) from error
