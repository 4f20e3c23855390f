"""What is embedded one by one: a photo, a recording, a video, or a photo and a recording together."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from media import AUDIO_EXTENSIONS, IMAGE_EXTENSIONS, VIDEO_EXTENSIONS
from media.cells import read_csv_rows

Kind = Literal["image", "recording", "pair", "video"]
KINDS: tuple[Kind, ...] = ("image", "recording", "pair", "video")


@dataclass(frozen=True)
class Source:
    """One photo, recording or video; or a photo and a recording that belong together.

    Attributes:
        kind: what it is.
        path: of the photo, recording or video; of a pair, the recording.
        photo: of a pair, its photo; else None.
    """

    kind: Kind
    path: Path
    photo: Path | None = None

    @property
    def name(self) -> str:
        """Its name in every table: its path as typed; of a pair, photo+recording."""
        return "+".join(path_to_name(path) for path in self.paths)

    @property
    def paths(self) -> tuple[Path, ...]:
        """Its files; of a pair the photo comes first."""
        return (self.path,) if self.photo is None else (self.photo, self.path)

    @property
    def class_name(self) -> str:
        """The name of the folder that its (first) file lies in."""
        # abspath: Path.resolve asks the disk about every folder on the way, for each file
        folder = Path(os.path.abspath(self.paths[0])).parent  # noqa: PTH100
        return path_to_name(Path(folder.name))


def path_to_name(path: str | Path) -> str:
    r"""A path, or text that holds one, as UTF-8 for tables: other bytes become `\xff`."""
    return os.fsencode(path).decode("utf-8", errors="backslashreplace")


def source_of(path: Path) -> Source | None:
    """What a file is by its name; None for a kind that is not read."""
    extension = path.suffix.lower()
    if extension in IMAGE_EXTENSIONS:
        return Source("image", path)
    if extension in AUDIO_EXTENSIONS:
        return Source("recording", path)
    if extension in VIDEO_EXTENSIONS:
        return Source("video", path)
    return None


def read_pairs(path: str | Path) -> list[Source]:
    """The pairs of a table that couples photos with recordings.

    Args:
        path: CSV with the columns image and recording; paths are relative to its folder. Where
            one of the two is empty, the other is a source alone.

    Raises:
        FileNotFoundError: there is no such table.
        ValueError: it lacks the columns, or holds rows without either file.
    """
    path = Path(path)
    _, rows = read_csv_rows(path, "image", "recording")
    pairs = {
        number: (row.get("image", "").strip(), row.get("recording", "").strip())
        for number, row in rows
    }
    empty = [number for number, pair in pairs.items() if not any(pair)]
    if empty:
        raise ValueError(f"'{path}' names neither photo nor recording in rows {empty[:10]}.")
    return [_pair(path.parent, image, recording) for image, recording in pairs.values()]


def _pair(folder: Path, image: str, recording: str) -> Source:
    if not recording:
        return Source("image", folder / image)
    if not image:
        return Source("recording", folder / recording)
    return Source("pair", folder / recording, folder / image)
