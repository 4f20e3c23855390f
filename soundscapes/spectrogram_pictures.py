"""Pictures of spectrograms: one grey PNG per recording, in a folder per species, as networks read them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np

from media import save_image
from soundscapes.mel_settings import SILENCE_DB
from triplets import PreparedFile, PreparedMedia


def write_spectrogram_pictures(
    prepared: PreparedMedia, folder: str | Path, *, top_db: float = 80.0
) -> list[Path]:
    """Writes the published picture of each recording: input for a network that reads images.

    A pixel is a band at a moment: as high as there are bands, low frequencies at the bottom, one column for
    each row of the spectrogram (of 5 s at the published settings 310: only whole windows), no axes. White is
    the loudest moment of the recording, black is `top_db` below it. All of the recording that was prepared
    is in one picture. Where rows hold several window lengths, the first is at the bottom.

    Args:
        prepared: from `make_spectrograms`, or `prepare_media` with a `mel_front_end`.
        folder: where <species>/<recording>.png are written. Of recordings of a species with the same name
            each gets a piece of its content's hash: <recording>-<8 digits>.png.
        top_db: float > 0, decibels from white to black: 0.3 each step of grey.

    Returns:
        The pictures, in the order of the recordings.

    Raises:
        ValueError: these are no spectrograms, or `top_db` is not above 0.
        OSError: the disk is full or not writable.
    """
    if prepared.front_end.name != "mel" or not top_db > 0:
        raise ValueError(
            "Expected recordings prepared with mel_front_end, and top_db above 0, received the front end "
            f"'{prepared.front_end.name}' and {top_db}."
        )
    places = _places(prepared, Path(folder))
    for file, place in zip(prepared.recordings, places, strict=True):
        place.parent.mkdir(parents=True, exist_ok=True)
        save_image(place, spectrogram_picture(file.feature(), top_db=top_db))
    return places


def spectrogram_picture(rows: np.ndarray, *, top_db: float = 80.0) -> np.ndarray:
    """A picture of rows in decibels [num_rows, size]: uint8 [size, num_rows, 3], grey, low at the bottom."""
    decibels = np.asarray(rows, np.float32)
    loudest = decibels.max(initial=SILENCE_DB)
    shade = np.clip(1 + (decibels - loudest) / top_db, 0, 1) * (loudest > SILENCE_DB)
    grey = np.round(255 * shade).astype(np.uint8).T[::-1]
    return np.repeat(grey[..., None], 3, axis=-1)


def _places(prepared: PreparedMedia, folder: Path) -> list[Path]:
    def place(file: PreparedFile, ending: str = "") -> Path:
        return folder / prepared.class_names[file.class_index] / f"{file.path.stem}{ending}.png"

    taken = Counter(place(file) for file in prepared.recordings)
    return [
        place(file) if taken[place(file)] == 1 else place(file, f"-{file.bytes_hash[:8]}")
        for file in prepared.recordings
    ]
