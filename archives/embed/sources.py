"""What is embedded one by one: photos, recordings, videos and pairs, found in folders and tables."""

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, get_args

from media import AUDIO_EXTENSIONS, IMAGE_EXTENSIONS, VIDEO_EXTENSIONS, PhotoBox
from media.cells import read_csv_rows
from media.files import read_head, unreadable_file

Kind = Literal["image", "recording", "pair", "video"]
_KINDS: tuple[Kind, ...] = get_args(Kind)
_SAME_NAME = (
    "something else has the same name in every table: a file named like a pair, or names that are not "
    "UTF-8. Rename one of them."
)


@dataclass(frozen=True)
class Identity:
    """Which content a source had when it was read."""

    content: str = ""  # 32 hex digits, the same for the same bytes; empty: not or cannot be read
    size_bytes: int = -1  # of its files together; -1 where they cannot be looked at
    modified_ns: int = 0  # when the newest was changed, since 1970


@dataclass(frozen=True)
class Source:
    """One photo, recording or video; or a photo and a recording that belong together."""

    kind: Kind
    path: Path  # of the photo, recording or video; of a pair, the recording
    photo: Path | None = None  # of a pair
    box: PhotoBox | None = None  # what of the photo is embedded; None: all of it

    @property
    def name(self) -> str:
        """Its name in every table: its path as typed; of a pair, photo+recording; with `#xywh=` of a box.

        Reference: Media Fragments URI 1.0, https://www.w3.org/TR/media-frags/#naming-space
        """
        names = [path_to_name(path) for path in self.paths]
        if self.box is not None:
            names[0] += "#xywh=" + ",".join(f"{number:.1f}" for number in self.box)
        return "+".join(names)

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
        """Size, time of change and content; its files are read whole. Raises as `digest_of`."""
        looks = self.look()  # before reading: a file that grows is read again
        content = "+".join(digest_of(path) for path in self.paths)
        if self.box is not None:
            content += str(self.box)
        if self.photo is not None or self.box is not None:
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


@dataclass(frozen=True)
class Found:
    """Photos, then recordings, pairs and videos, in the order of the walk; and what is left out."""

    sources: tuple[Source, ...]
    refused: Mapping[str, str]  # name -> why it is no source, or cannot be listed
    passed_over: Mapping[str, int]  # extension -> number of files of kinds that are not read


def find_sources(
    inputs: Sequence[str | Path], pairs: str | Path | None, shard: tuple[int, int] = (1, 1)
) -> Found:
    """All photos, recordings and videos among files and folders, and the pairs of a table.

    Raises:
        FileNotFoundError: there is no such table of pairs.
        ValueError: nothing was found at all; the table or the shard is invalid.
    """
    refused: dict[str, str] = {}
    passed_over: Counter[str] = Counter()
    typed = {Path(given) for given in inputs}
    found: dict[str, Source] = {}

    def refuse(path: Path, reason: str) -> None:
        refused[path_to_name(path)] = reason

    def take(source: Source) -> None:
        if found.setdefault(source.name, source) != source:
            refused[f"{source.name} ({source.kind})"] = _SAME_NAME

    for path in walk_inputs(inputs, refused=refuse):
        if source := source_of(path):
            take(source)
        elif path in typed:
            reason = "neither a photo nor a recording nor a video, by its name"
            refuse(path, reason if path.exists() else "there is no such file or folder")
        else:
            passed_over[path_to_name(path.suffix.lower()) or "no extension"] += 1
    for source in read_pairs(pairs) if pairs is not None else ():
        take(source)
    if not found:
        extensions = " ".join(sorted(IMAGE_EXTENSIONS | AUDIO_EXTENSIONS | VIDEO_EXTENSIONS))
        told = "".join(f"\n  {path}: {reason}" for path, reason in refused.items())
        raise ValueError(
            f"No photo, recording or video in {' '.join(map(str, inputs)) or 'nothing'}. Expected files with "
            f"{extensions}, folders of them, or pairs.{told}"
        )
    ordered = sorted(found.values(), key=lambda source: _KINDS.index(source.kind))
    return Found(tuple(in_shard(ordered, shard)), refused, dict(passed_over))


def walk_inputs(
    inputs: Sequence[str | Path], *, refused: Callable[[Path, str], None] | None = None
) -> Iterator[Path]:
    """The files among the inputs, and those in the folders among them, at any depth.

    Links are followed; a folder that is reached twice is walked once. Hidden names (.name) within folders
    are left out. An input that is no folder is given as it is, whether it exists or not. Paths are as typed,
    or below the folders as typed, sorted within each folder. `refused` is called with a folder that cannot
    be listed, and why.
    """
    seen: set[str] = set()

    def refuse(error: OSError) -> None:
        if refused is not None:
            reason = f"the folder cannot be listed: {error.strerror}. Check its permissions."
            refused(Path(os.fsdecode(error.filename)), reason)

    for given in inputs:
        if not os.path.isdir(given):  # noqa: PTH112 - kept as typed, so that ids are
            yield Path(given)
            continue
        for folder, subfolders, names in os.walk(given, followlinks=True, onerror=refuse):
            subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
            if (real := os.path.realpath(folder)) in seen:
                subfolders.clear()
                continue
            seen.add(real)
            yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))


def in_shard(sources: Iterable[Source], shard: tuple[int, int]) -> Iterator[Source]:
    """The sources that fall to machine i of n by their names; ValueError unless 1 <= i <= n."""
    number, count = shard
    if not 1 <= number <= count:
        raise ValueError(f"Expected shard i/n with 1 <= i <= n, received {number}/{count}.")
    for source in sources:
        name = unicodedata.normalize("NFC", source.name)  # macOS and Linux write é differently
        digest = hashlib.blake2b(name.encode(), digest_size=8).digest()
        if int.from_bytes(digest, "big") % count == number - 1:
            yield source
