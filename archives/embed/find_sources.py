"""From what was typed to what is to be embedded; what is left out is told, not dropped."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from archives.embed.sources import KINDS, Source, in_shard, path_to_name, read_pairs, source_of
from archives.embed.walk import walk_inputs
from media import AUDIO_EXTENSIONS, IMAGE_EXTENSIONS, VIDEO_EXTENSIONS

_SAME_NAME = (
    "something else has the same name in every table: a file of which the name is that of a pair, or names "
    "that are not UTF-8. Rename one of them."
)


@dataclass(frozen=True)
class Found:
    """What there is.

    Attributes:
        sources: photos first, then recordings, pairs and videos; each in the order in which it was found,
            once.
        refused: names of files that were typed and are none of these, of folders that cannot be listed, and
            of what would have the name of another in every table; each with the reason.
        passed_over: files in folders that are of kinds that are not read, by extension.
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
        ValueError: nothing was found at all, or the table or the shard is no such.
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
            extension = path.suffix.lower()
            passed_over[path_to_name(Path(extension)) if extension else "no extension"] += 1
    for source in read_pairs(pairs) if pairs is not None else ():
        take(source)
    if not found:
        raise ValueError(_nothing(inputs, refused))
    ordered = sorted(found.values(), key=lambda source: KINDS.index(source.kind))
    return Found(tuple(in_shard(ordered, shard)), refused, dict(passed_over))


def _nothing(inputs: Sequence[str | Path], refused: Mapping[str, str]) -> str:
    extensions = " ".join(sorted(IMAGE_EXTENSIONS | AUDIO_EXTENSIONS | VIDEO_EXTENSIONS))
    told = "".join(f"\n  {path}: {reason}" for path, reason in refused.items())
    return (
        f"No photo, recording or video in {' '.join(map(str, inputs)) or 'nothing'}. Expected files with "
        f"{extensions}, folders of them, or pairs.{told}"
    )
