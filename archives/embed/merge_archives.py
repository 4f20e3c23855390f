"""Several archives become one: their shards come to lie in one folder, unchanged."""

from __future__ import annotations

import logging
import os
import shutil
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from archives.embed.archive import Archive, holds_shards
from archives.embed.shards import SHARDS_FOLDER
from media.atomic import atomic_file

logger = logging.getLogger(__name__)


def merge_archives(folders: Sequence[str | Path], out: str | Path) -> Archive:
    """Joins what several machines embedded, or one machine in several runs.

    Shards are linked where both folders lie on one file system, else copied; the folders stay as they are.
    A file that several of them hold counts once, as it was done last. Merging again adds only what is new.

    Args:
        folders: at least one, that `embed_archive` or `merge_archives` wrote.
        out: folder; made if it is not there. May hold an archive already, which is added to.

    Returns:
        The archive in `out`, with its `files.parquet`.

    Raises:
        FileNotFoundError: a folder is no archive.
        ValueError: shards are damaged, or the embeddings are of several encoders; nothing is written then.
    """
    target = Path(out)
    archives = [Archive(folder) for folder in folders]
    if holds_shards(target):
        archives.append(Archive(target))
    _check_one_encoder(archives)
    _warn_of_same_names(archives)
    shards = target / SHARDS_FOLDER
    shards.mkdir(parents=True, exist_ok=True)
    for archive in archives:
        for shard in archive.shards:
            if not (
                shards / shard.name
            ).exists():  # its name is random: the same name, the same shard
                _link_or_copy(shard, shards / shard.name)
    merged = Archive(target)
    merged.write_files_table()
    return merged


def _check_one_encoder(archives: Sequence[Archive]) -> None:
    by_fingerprint = defaultdict(list)
    for archive in archives:
        if archive.fingerprint is not None:
            by_fingerprint[archive.fingerprint].append(str(archive.folder))
    if len(by_fingerprint) > 1:
        told = "".join(f"\n  - {name}: {', '.join(of)}" for name, of in by_fingerprint.items())
        raise ValueError(
            f"These archives were made by {len(by_fingerprint)} encoders; their embeddings do not compare. "
            f"Embed them all with one.{told}"
        )


def _warn_of_same_names(archives: Sequence[Archive]) -> None:
    """Recorders that begin on the hour give their files one name, and may have lain at one place."""
    contents: dict[str, str] = {}
    others: dict[str, None] = {}
    for archive in archives:
        for row in archive.files:
            if row.content and contents.setdefault(row.file, row.content) != row.content:
                others[row.file] = None
    if others:
        logger.warning(
            "%d names stand for files of different content, such as '%s'; of each the file that was embedded "
            "last counts. If they are different files, embed them from folders of different names.",
            len(others),
            next(iter(others)),
        )


def _link_or_copy(shard: Path, target: Path) -> None:
    try:
        os.link(shard, target)
    except OSError:  # another file system, or one without links
        with atomic_file(target) as temporary:
            shutil.copy2(shard, temporary)
