"""An archive as it comes home from the field: most files are good, some are bad, all are mixed."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.bad_inputs import KINDS, NO_EMBEDDING, Kind, Status
from tests.bad_inputs.good_media import encoded_photo, encoded_sound, film, photo, song

FOLDERS = (
    "2024/Łąka/card",
    "2024/山雀の森/card",
    "2024/forêt de l'Été/card",
    "2025/marsh/card",
    "2025/marsh/card/card",
    "2025/Bärenwald #3 %s/card",
)
NUM_FILES_PER_VIDEO = 50
Rng = np.random.Generator


def write_archive(
    folder: Path, num_good: int = 800, num_bad: int = 200, seed: int = 0
) -> list[tuple[Path, Status]]:
    """Writes an archive whose every file has a known fate.

    Good are photos of 64 x 48 pixels, recordings of 1 to 3 s and a few videos of 1 s; bad is every kind
    of `KINDS` that gives no embedding, in turn. Names repeat from folder to folder.

    Args:
        folder: is made; must not hold such an archive yet.
        num_good: files with the status "ok".
        num_bad: files that give no embedding.
        seed: the same one writes the same bytes.
    Returns:
        Each file, and the status that `embed` must give it.
    """
    places = [folder / name for name in FOLDERS]
    for place in places:
        place.mkdir(parents=True, exist_ok=True)
    return [
        *_write_good(places, num_good, np.random.default_rng([seed, 0])),
        *_write_bad(places, num_bad, np.random.default_rng([seed, 1])),
    ]


def bad_kinds() -> list[Kind]:
    """Those that give a row and no embedding, whoever runs the test."""
    is_root = os.geteuid() == 0  # who may read everything
    return [
        kind
        for kind in KINDS
        if kind.status in NO_EMBEDDING and not (is_root and kind.name == "locked_photo")
    ]


def _write_good(places: list[Path], num_files: int, rng: Rng) -> Iterator[tuple[Path, Status]]:
    for number in range(num_files):
        extension, content = _good_file(number, rng)
        path = places[number % len(places)] / f"{number // len(places):04d}{extension}"
        path.write_bytes(content)
        yield path, "ok"


def _good_file(number: int, rng: Rng) -> tuple[str, bytes]:
    if number % NUM_FILES_PER_VIDEO == 0:
        return ".mp4", film(rng, num_frames=5, seconds=1.0)
    if number % 3:
        return ".jpg", encoded_photo(".jpg", photo(rng))
    file_format = "FLAC" if number % 2 else "WAV"
    return f".{file_format.lower()}", encoded_sound(song(rng, rng.uniform(1, 3)), file_format)


def _write_bad(places: list[Path], num_files: int, rng: Rng) -> Iterator[tuple[Path, Status]]:
    kinds = bad_kinds()
    for number in range(num_files):
        kind, turn = kinds[number % len(kinds)], number // len(kinds)
        place = places[number % len(places)] / f"copy {turn}"
        place.mkdir(exist_ok=True)
        kind.write(place / kind.file_name, rng)
        yield place / kind.file_name, kind.status
