"""The sightings of a count on disk, and their pictures in `crops/`; no path of one may lead out of there."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from individuals.sighting import Sighting
from individuals.sighting_table import SightingTable
from inference.embeddings import Embeddings
from media.atomic import atomic_file, write_atomically

if TYPE_CHECKING:
    from individuals.count import VideoCount

FILE_NAME = "sightings.npz"
SCHEMA = 1
ANSWERS = ("must_link", "cannot_link", "undecided")
KeyPair = tuple[str, str]
CROPS = "crops"
JPEG_QUALITY = 90
CROP_SIZE = (224, 224)
PICTURE_STARTS = {b"\xff\xd8\xff": "jpeg", b"\x89PNG\r\n\x1a\n": "png"}


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
    """Writes the sightings of a count to `sightings.npz`, and their crops as JPEG files to `crops/`.

    Args:
        folder: made if it is not there.
        counted: from `count_individuals`.
    """
    table, count = save_crops(folder, counted.table), counted.count
    videos = tuple(counted.per_video)
    return save_sightings(folder, CountedSightings(table, count.labels, count.threshold, videos))


def save_sightings(folder: str | Path, counted: CountedSightings) -> Path:
    """Writes `sightings.npz` into a folder, whole or not at all; paths of crops are relative to it."""
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
    """What `save_sightings` wrote, from the folder or the file in it.

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
            links = {name: tuple((a, b) for a, b in record[name]) for name in ANSWERS}
            return CountedSightings(
                table, arrays["labels"], record["threshold"], tuple(record["all_videos"]), **links
            )
    except (KeyError, EOFError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"'{file}' does not hold counted sightings ({error}). Expected what "
            "`fused-encoder count ... --out DIR` or save_sightings wrote; count again."
        ) from error


def short_id(key: str) -> str:
    """A key in 13 letters that no spreadsheet takes for a number or a date, and no encoding damages."""
    return "s" + hashlib.sha256(key.encode("utf-8", "backslashreplace")).hexdigest()[:12]


def save_crops(folder: str | Path, table: SightingTable) -> SightingTable:
    """Writes each crop as a JPEG file; returns the table with their paths, relative to the folder."""
    from media import save_image  # here, so that a catalogue can be used without it

    (Path(folder) / CROPS).mkdir(parents=True, exist_ok=True)
    sightings = []
    for sighting, crop in zip(table.sightings, table.crops, strict=True):
        name = f"{CROPS}/{short_id(sighting.key)}.jpg"
        save_image(Path(folder) / name, np.ascontiguousarray(crop), jpeg_quality=JPEG_QUALITY)
        sightings.append(replace(sighting, crop=name))
    return SightingTable(tuple(sightings), table.embeddings)


def load_crops(folder: str | Path, table: SightingTable) -> SightingTable:
    """The table with its crops from their files; grey where there is none or it cannot be read."""
    from media import UnreadableMediaError, load_image

    crops = []
    for sighting in table.sightings:
        crop, path = np.full((*CROP_SIZE, 3), 128, np.uint8), crop_file(folder, sighting)
        if path is not None:
            with suppress(UnreadableMediaError):
                crop = load_image(path)
        crops.append(crop)
    return replace(table, crops=tuple(crops))


def crop_file(folder: str | Path, sighting: Sighting) -> Path | None:
    """The file of a sighting's crop; None where there is none.

    Raises:
        ValueError: the path leads out of the folder.
    """
    if sighting.crop is None:
        return None
    path = (Path(folder) / sighting.crop).resolve()
    if not path.is_relative_to(Path(folder).resolve()):
        raise ValueError(
            f"The crop of {sighting.key!r} is '{sighting.crop}', outside of '{folder}'. Do not use these "
            "sightings unless you know where they come from."
        )
    return path if path.is_file() else None


def copy_crop(sighting: Sighting, source: str | Path, target: str | Path) -> None:
    """Copies the picture of a sighting from one folder to the same path in another, if it is not there."""
    picture = read_picture(source, sighting)
    if picture is not None and crop_file(target, sighting) is None:
        write_atomically(Path(target) / str(sighting.crop), picture[1])


def read_picture(folder: str | Path, sighting: Sighting) -> tuple[str, bytes] | None:
    """The kind ("jpeg" or "png") and the bytes of a crop; None where there is no such picture."""
    path = crop_file(folder, sighting)
    data = b"" if path is None else path.read_bytes()
    kind = next((kind for start, kind in PICTURE_STARTS.items() if data.startswith(start)), None)
    return None if kind is None else (kind, data)
