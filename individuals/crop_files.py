"""The pictures of sightings as files, `crops/` in the folder of a count; no path may lead out of it."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np

from individuals.sighting import Sighting
from individuals.sighting_table import SightingTable
from media.atomic import write_atomically

CROPS = "crops"
JPEG_QUALITY = 90
CROP_SIZE = (224, 224)
PICTURE_STARTS = {b"\xff\xd8\xff": "jpeg", b"\x89PNG\r\n\x1a\n": "png"}


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
    """The table with its crops from their files; grey where there is none or it cannot be read.

    Raises:
        ValueError: as `crop_file`.
    """
    crops = tuple(_load(crop_file(folder, sighting)) for sighting in table.sightings)
    return SightingTable(table.sightings, table.embeddings, crops)


def _load(path: Path | None) -> np.ndarray:
    from media import UnreadableMediaError, load_image

    if path is not None:
        with suppress(UnreadableMediaError):
            return load_image(path)
    return np.full((*CROP_SIZE, 3), 128, np.uint8)


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
    """Copies the picture of a sighting from one folder to the same path in another, if it is not there.

    Raises:
        ValueError: as `crop_file`.
    """
    picture = read_picture(source, sighting)
    if picture is not None and crop_file(target, sighting) is None:
        write_atomically(Path(target) / str(sighting.crop), picture[1])


def read_picture(folder: str | Path, sighting: Sighting) -> tuple[str, bytes] | None:
    """The kind ("jpeg" or "png") and the bytes of a crop; None where there is no such picture.

    Raises:
        ValueError: as `crop_file`.
    """
    path = crop_file(folder, sighting)
    data = b"" if path is None else path.read_bytes()
    kind = next((kind for start, kind in PICTURE_STARTS.items() if data.startswith(start)), None)
    return None if kind is None else (kind, data)
