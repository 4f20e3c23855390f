"""What is embedded one by one: a photo, a recording, a video, or a photo and a recording together."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from media import AUDIO_EXTENSIONS, IMAGE_EXTENSIONS, VIDEO_EXTENSIONS
from media.cells import read_csv_rows
from media.files import read_head, unreadable_file

Kind = Literal["image", "recording", "pair", "video"]


@dataclass(frozen=True)
class Identity:
    """Which content a source had when it was read.

    Attributes:
        content: 32 hex digits, the same for the same bytes; empty where they were not or cannot be read.
        size_bytes: int, of its files together; -1 where they cannot be looked at.
        modified_ns: int, when the newest was changed, since 1970.
    """

    content: str = ""
    size_bytes: int = -1
    modified_ns: int = 0


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

    def look(self) -> Identity:
        """Size and time of change; its files are not read."""
        try:
            stats = [path.stat() for path in self.paths]
        except OSError:
            return Identity()
        return Identity("", sum(one.st_size for one in stats), max(s.st_mtime_ns for s in stats))

    def read_identity(self) -> Identity:
        """Size, time of change and content; its files are read whole.

        Raises: as `digest_of`.
        """
        looks = self.look()  # before reading: a file that grows is read again
        content = "+".join(digest_of(path) for path in self.paths)
        if self.photo is not None:
            content = hashlib.blake2b(content.encode(), digest_size=16).hexdigest()
        return Identity(content, looks.size_bytes, looks.modified_ns)


def digest_of(path: Path) -> str:
    """32 hex digits, the same for the same bytes; the file is read whole.

    Raises:
        FileNotFoundError: nothing is at this path.
        UnreadableMediaError: a folder, a pipe, an empty file, or one that may not be read.
    """
    read_head(path)  # refuses what must not be opened, such as a pipe
    try:
        with path.open("rb", buffering=0) as file:
            return hashlib.file_digest(file, partial(hashlib.blake2b, digest_size=16)).hexdigest()
    except OSError as error:
        raise unreadable_file(path, error) from error


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
    return Source("video", path) if extension in VIDEO_EXTENSIONS else None


def read_pairs(path: str | Path) -> list[Source]:
    """The pairs of a table that couples photos with recordings.

    Args:
        path: CSV with the columns image and recording; paths are relative to its folder. Where one of the
            two is empty, the other is a source alone.

    Raises:
        FileNotFoundError: there is no such table.
        ValueError: it lacks the columns, or holds rows without either file.
    """
    _, rows = read_csv_rows(path, "image", "recording")
    pairs = [
        (number, row.get("image", "").strip(), row.get("recording", "").strip())
        for number, row in rows
    ]
    empty = [number for number, *names in pairs if not any(names)]
    if empty:
        raise ValueError(f"'{path}' names neither photo nor recording in rows {empty[:10]}.")
    return [_pair(Path(path).parent, image, recording) for _, image, recording in pairs]


def _pair(folder: Path, image: str, recording: str) -> Source:
    if not recording:
        return Source("image", folder / image)
    if not image:
        return Source("recording", folder / recording)
    return Source("pair", folder / recording, folder / image)
