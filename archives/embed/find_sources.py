"""From files and folders to what is embedded; what is left out is listed."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from archives.embed.sources import Kind, Source, path_to_name, read_pairs, source_of
from media import AUDIO_EXTENSIONS, IMAGE_EXTENSIONS, VIDEO_EXTENSIONS

_KINDS: tuple[Kind, ...] = get_args(Kind)
_SAME_NAME = (
    "something else has the same name in every table: a file named like a pair, or names that are not "
    "UTF-8. Rename one of them."
)


@dataclass(frozen=True)
class Found:
    """What there is.

    Attributes:
        sources: photos, then recordings, pairs and videos; each once, in the order of the walk.
        refused: name -> reason, of inputs that are none of these, of folders that cannot be listed, and of
            sources that would have the name of another.
        passed_over: extension -> number of files in folders, of kinds that are not read.
    """

    sources: tuple[Source, ...]
    refused: Mapping[str, str]
    passed_over: Mapping[str, int]


def find_sources(
    inputs: Sequence[str | Path], pairs: str | Path | None, shard: tuple[int, int] = (1, 1)
) -> Found:
    """All photos, recordings and videos among files and folders, and the pairs of a table.

    Args:
        inputs: files and folders.
        pairs: CSV for `read_pairs`, or None.
        shard: see `in_shard`.

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
    are left out. An input that is no folder is given as it is, whether it exists or not.

    Args:
        inputs: files and folders.
        refused: called with a folder that cannot be listed, and why.

    Yields:
        Paths as typed, or below the folders as typed; sorted within each folder.
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
    """The sources that fall to one of several machines, by their names alone.

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
