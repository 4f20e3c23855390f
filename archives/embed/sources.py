"""What is embedded one by one: a photo, a recording, a video, or a photo and a recording together."""

from __future__ import annotations

import csv
import hashlib
import os
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from media import AUDIO_EXTENSIONS, IMAGE_EXTENSIONS, VIDEO_EXTENSIONS

Kind = Literal["image", "recording", "pair", "video"]
KINDS: tuple[Kind, ...] = ("image", "recording", "pair", "video")
PAIR_COLUMNS = ("image", "recording")


@dataclass(frozen=True)
class Source:
    """One photo, recording or video; or a photo and a recording that belong together.

    Attributes:
        kind: image, recording, pair or video.
        path: of the photo, recording or video; of a pair, the recording.
        photo: of a pair, its photo; else None.
    """

    kind: Kind
    path: Path
    photo: Path | None = None

    @property
    def name(self) -> str:
        """What it is called in every table: its path as typed; of a pair, photo+recording."""
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
    r"""A path, or words that name one, as every table can hold it: what is not UTF-8 becomes `\xff`."""
    return os.fsencode(path).decode("utf-8", errors="backslashreplace")


def source_of(path: Path) -> Source | None:
    """What a file is by its name; None for what is not read."""
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
        path: CSV in UTF-8 with the columns image and recording; paths are relative to its folder. Where
            one of the two is empty, the other is a source alone.

    Raises:
        FileNotFoundError: there is no such table.
        ValueError: it lacks the columns, is not UTF-8, or holds rows without either file.
    """
    path = Path(path)
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            if not set(PAIR_COLUMNS) <= set(reader.fieldnames or ()):
                raise ValueError(
                    f"'{path}' needs the columns image and recording, separated by commas; received "
                    f"{', '.join(reader.fieldnames or ['none'])}."
                )
            rows = [[(row[key] or "").strip() for key in PAIR_COLUMNS] for row in reader]
    except UnicodeDecodeError as error:
        raise ValueError(f"'{path}' is not UTF-8 ({error.reason}). Save it as UTF-8.") from error
    empty = [number for number, row in enumerate(rows, start=2) if not any(row)]
    if empty:
        raise ValueError(f"'{path}' names neither photo nor recording in lines {empty[:10]}.")
    return [_pair(path.parent, image, recording) for image, recording in rows]


def _pair(folder: Path, image: str, recording: str) -> Source:
    if not recording:
        return Source("image", folder / image)
    if not image:
        return Source("recording", folder / recording)
    return Source("pair", folder / recording, folder / image)


def in_shard(sources: Iterable[Source], shard: tuple[int, int]) -> Iterator[Source]:
    """The sources that fall to one of several machines, by their names: nobody has to coordinate them.

    Args:
        sources: all of them, the same on every machine.
        shard: (i, n), the i-th of n machines, i from 1.

    Raises:
        ValueError: not 1 <= i <= n.
    """
    number, count = shard
    if not 1 <= number <= count:
        raise ValueError(f"Expected shard i/n with 1 <= i <= n, received {number}/{count}.")
    for source in sources:
        name = unicodedata.normalize("NFC", source.name)  # macOS and Linux write é differently
        digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
        if int.from_bytes(digest, "big") % count == number - 1:
            yield source
