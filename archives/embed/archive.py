"""An archive of embeddings on disk: what is in its shards, the newest where a file was embedded twice."""

import json
import logging
import os
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow
from pyarrow import dataset, parquet

from archives.embed.rows import FileRow, files_to_table
from archives.embed.settings import Run, run_from_json
from archives.embed.shards import FILES_KEY, RUN_KEY, SHARDS_FOLDER
from inference.embeddings import Embeddings
from media.atomic import atomic_file

logger = logging.getLogger(__name__)

FILES_TABLE = "files.parquet"
_METADATA = ["class", "image", "recording", "video", "modality"]
_METADATA += ["start_seconds", "end_seconds", "time_seconds", "frame_index"]
_FORMAT = dataset.ParquetFileFormat(
    default_fragment_scan_options=dataset.ParquetFragmentScanOptions(
        page_checksum_verification=True
    )
)


@dataclass(frozen=True)
class FiledFile:
    """What became of a file, where its embeddings lie, and what made them."""

    row: FileRow
    shard: Path
    run: Run


class Archive:
    """The embeddings that `embed_archive` wrote, and what became of each file.

    A file that was embedded again counts once: as it was done last. A run that could not read its bytes, such
    as while a disk was not there, counts only where no other run has read them.

    Args:
        folder: that `embed_archive` or `merge_archives` wrote.
    Raises:
        FileNotFoundError: it holds no shards.
        ValueError: shards are damaged; all are named.
    Example:
        >>> [row.file for row in Archive("embeddings").files if not row.is_whole]
        ['cards/0512/20230514_053000.WAV']
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        if not holds_shards(self.folder):
            raise FileNotFoundError(
                f"No embeddings in '{folder}': it has no folder '{SHARDS_FOLDER}'. Expected a folder that "
                "`fused-encoder embed` or `merge` wrote."
            )
        self._filed: dict[str, FiledFile] = {}
        self._shards: set[Path] = set()
        self.refresh()

    def refresh(self) -> bool:
        """Reads the shards that were added since, by whichever machine; whether there were any."""
        damaged = []
        new = set((self.folder / SHARDS_FOLDER).glob("[!.]*.parquet")) - self._shards
        for shard in sorted(new):
            try:
                self._add_shard(shard)
            except (pyarrow.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
                damaged.append(f"\n  - '{shard}': {error}")
        if damaged:
            raise ValueError(
                f"{len(damaged)} shards of '{self.folder}' are damaged. Remove them and run `embed` again: "
                f"only the files in them are embedded again.{''.join(damaged)}"
            )
        return bool(new)

    def _add_shard(self, shard: Path) -> None:
        metadata = parquet.read_metadata(str(shard)).metadata or {}
        run = run_from_json(metadata[RUN_KEY].decode())
        for record in json.loads(metadata[FILES_KEY]):
            row = FileRow.from_record(record)
            known = self._filed.get(row.file)
            if known is None or _weight(known.row) <= _weight(row):
                self._filed[row.file] = FiledFile(row, shard, run)
        self._shards.add(shard)

    @property
    def files(self) -> list[FileRow]:
        """What became of each file, by name."""
        return [self._filed[name].row for name in sorted(self._filed)]

    @property
    def filed(self) -> list[FiledFile]:
        """The same, with where their embeddings lie."""
        return list(self._filed.values())

    @property
    def shards(self) -> list[Path]:
        """Its shards, by name."""
        return sorted(self._shards)

    def find(self, file: str) -> FiledFile | None:
        """The file of this name, if it is here."""
        return self._filed.get(file)

    @property
    def fingerprint(self) -> str | None:
        """The encoder of all its embeddings; None where it holds none, ValueError where there are several."""
        found = {one.run.fingerprint for one in self._filed.values() if one.row.num_embeddings}
        if len(found) > 1:
            raise ValueError(
                f"'{self.folder}' holds embeddings of {len(found)} encoders ({', '.join(sorted(found))}). "
                "Embed the rest of the files with one of them, or keep each encoder's in a folder of its own."
            )
        return found.pop() if found else None

    @property
    def num_embeddings(self) -> int:
        """How many embeddings it holds."""
        return sum(one.row.num_embeddings for one in self._filed.values())

    def batches(
        self, rows_at_once: int = 4096
    ) -> Iterator[tuple[list[str], Embeddings, list[dict]]]:
        """All embeddings, at most so many at a time.

        Yields:
            Ids; embeddings float32 [num, size]; and of each a dict with its class, modality, the paths under
            image, recording or video, and the times within.
        Raises:
            ValueError: they are of several encoders, or a shard is damaged.
        """
        fingerprint = self.fingerprint
        by_shard = defaultdict(list)
        for name, one in self._filed.items():
            if one.row.num_embeddings:
                by_shard[one.shard].append(name)
        for shard in sorted(by_shard):
            for rows in rows_of_shard(shard, by_shard[shard], rows_at_once=rows_at_once):
                embeddings = rows["embedding"].flatten().to_numpy().reshape(len(rows), -1)
                metadata = [
                    {name: value for name, value in row.items() if value is not None}
                    for row in rows.select(_METADATA).to_pylist()
                ]
                yield rows["id"].to_pylist(), Embeddings.of(embeddings, fingerprint), metadata

    def write_files_table(self) -> Path:
        """Writes `files.parquet`: a row for each file, also of what other machines added meanwhile."""
        is_current = False
        while not is_current:
            with atomic_file(self.folder / FILES_TABLE) as temporary:
                parquet.write_table(files_to_table(self.files), temporary)
            is_current = not self.refresh()
        return self.folder / FILES_TABLE


def _weight(row: FileRow) -> tuple[bool, int]:
    """Of two rows of one file the heavier counts."""
    return bool(row.content), row.finished_ns


def holds_shards(folder: str | Path) -> bool:
    """Whether a folder is an archive of embeddings."""
    return Path(folder, SHARDS_FOLDER).is_dir()


def rows_of_shard(
    shard: Path, files: Iterable[str], *, rows_at_once: int = 4096
) -> Iterator[pyarrow.RecordBatch]:
    """The rows of some files in a shard, some at a time; ValueError where it is damaged."""
    is_wanted = dataset.field("file").isin(sorted(files))
    try:
        source = dataset.dataset(str(shard), format=_FORMAT)
        for batch in source.to_batches(filter=is_wanted, batch_size=rows_at_once):
            if len(batch):
                yield batch
    except (pyarrow.ArrowException, OSError) as error:
        raise ValueError(
            f"The shard '{shard}' is damaged ({error}). Remove it and run `embed` again: only the files in "
            "it are embedded again."
        ) from error


def merge_archives(folders: Sequence[str | Path], out: str | Path) -> Archive:
    """Joins what several machines embedded, or one machine in several runs.

    Shards are linked where both folders lie on one file system, else copied; the folders stay as they are.
    A file that several of them hold counts once, as it was done last. Merging again adds only what is new.

    Args:
        folders: at least one, that `embed_archive` or `merge_archives` wrote.
        out: folder; made if it is not there. An archive that it holds already is added to.
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
