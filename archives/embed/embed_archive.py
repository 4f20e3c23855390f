"""`embed_archive`: folders of any size to embeddings on disk, never stopped by a bad file, and resumable."""

import sys
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path

from tqdm import tqdm

from archives.embed.archive import FILES_TABLE, Archive, FiledFile, holds_shards, rows_of_shard
from archives.embed.crop_sources import BoxesOf, crop_sources
from archives.embed.embed_sources import Decoding, Engine, KnownSource, embed_sources
from archives.embed.rows import FileRow, renamed
from archives.embed.settings import ArchiveSettings, Run
from archives.embed.shards import RowsOfFile, ShardWriter, remove_abandoned_parts
from archives.embed.sources import Found, Identity, Source, find_sources
from inference.embed import Embedder
from inference.export import library_versions
from media import UnreadableMediaError


class NotWholeError(ValueError):
    """A file could not be embedded whole, and the caller wanted to hear of it at once."""


@dataclass(frozen=True)
class ArchiveSummary:
    """What a run came to.

    Attributes:
        folder: of the embeddings.
        rows: what became of each file that was asked for, whether in this run or an earlier one.
        num_new: int, files that were looked at in this run.
        passed_over: files of kinds that are not read, by extension.
        replaced: names under which another content lay in an earlier run.
    """

    folder: Path
    rows: tuple[FileRow, ...]
    num_new: int
    passed_over: Mapping[str, int] = field(default_factory=dict)
    replaced: Sequence[str] = ()

    @property
    def table(self) -> Path:
        """The Parquet file with a row for each file."""
        return self.folder / FILES_TABLE

    @property
    def num_embeddings(self) -> int:
        """Of the files that were asked for."""
        return sum(row.num_embeddings for row in self.rows)

    @property
    def by_status(self) -> Counter[str]:
        """How many files there are of each status."""
        return Counter(row.status for row in self.rows)

    @property
    def not_whole(self) -> list[FileRow]:
        """The files of which something, or all, could not be embedded."""
        return [row for row in self.rows if not row.is_whole]


def embed_archive(
    embedder: Embedder,
    inputs: Sequence[str | Path],
    out: str | Path,
    *,
    pairs: str | Path | None = None,
    boxes_of: BoxesOf | None = None,
    settings: ArchiveSettings | None = None,
    decoding: Decoding | None = None,
    resume: bool = True,
    shard: tuple[int, int] = (1, 1),
    strict: bool = False,
    progress: bool = False,
    engine: Engine = embed_sources,
) -> ArchiveSummary:
    """Embeds photos, windows of recordings and moments of videos into Parquet shards.

    A file that cannot be used, or crashes its decoder, is a row of `files.parquet` that says why; the run
    goes on. An interrupted run goes on when it is called again. Memory does not grow with the length of
    recordings.

    Args:
        embedder: the encoder.
        inputs: files, and folders that are walked.
        out: folder; made if it is not there. Embeddings are in `out/shards/*.parquet`, what became of each
            file in `out/files.parquet`.
        pairs: CSV with the columns image and recording; each window of the recording is embedded with the
            photo.
        boxes_of: the boxes of a photo, such as `individuals.load_photo_boxes(path)`: each animal is cropped
            and embedded by itself; photos without one are rows that say so. None: whole photos.
        settings: how sound and film are cut. Default: windows of 5 s every 2.5 s, one moment of film per
            second.
        decoding: how many processes decode, and how long a file may give nothing.
        resume: whether files are skipped whose content was embedded in `out` before, with this encoder and
            these settings. False embeds them again.
        shard: (i, n): only the i-th of n parts of the files, divided by name; each of n machines takes one.
        strict: whether to stop at the first file that is not whole.
        progress: whether to show a bar.
        engine: where the files are embedded. Default: here. `RayEngine()` for a cluster.

    Returns:
        What became of each file.

    Raises:
        ValueError: there is nothing to embed, or `out` holds damaged shards.
        NotWholeError: a file is not whole, with `strict`. What was finished before is kept.
        OSError: `out` cannot be written to.
    """
    folder = Path(out)
    found = find_sources(inputs, pairs, shard)
    if boxes_of is not None:
        found = crop_sources(found, boxes_of)
    run = Run(
        embedder.fingerprint,
        embedder.settings.embedding_size,
        settings or ArchiveSettings(),
        library_versions(),
    )
    remove_abandoned_parts(folder)
    known = Archive(folder) if holds_shards(folder) else None
    writer = ShardWriter(folder, run)
    with _bar(len(found.sources) + len(found.refused), is_shown=progress) as bar:
        work = _Work(found, known, writer, bar, resume=resume, is_strict=strict)
        try:
            work.note_refused()
            engine(embedder, work.to_embed(), writer, decoding or Decoding(), work.note_new)
            work.note_skipped()
            work.copy()
        finally:  # an interrupt too: what is finished is kept
            writer.flush()
            archive = known or Archive(folder)
            archive.refresh()
            archive.write_files_table()
    return ArchiveSummary(folder, tuple(work.rows), work.num_new, found.passed_over, work.replaced)


def _bar(total: int, *, is_shown: bool) -> tqdm:
    seconds = 0.2 if sys.stderr.isatty() else 30.0  # in a log file, where each update is a line
    return tqdm(total=total, unit="file", disable=not is_shown, mininterval=seconds)


@dataclass(frozen=True)
class Copy:
    """The same bytes as those of a source are done under another name."""

    source: Source
    identity: Identity
    done: FiledFile


class Plan:
    """Compares sources with what an archive holds under one key of settings.

    A file with the name, size and time of change of one that is done is not read. One that has the size of
    a file that is done, but another name or time, is read to compare the bytes. What crashed is tried again.
    """

    def __init__(self, archive: Archive | None, settings_key: str) -> None:
        done = [
            one
            for one in (archive.filed if archive else ())
            if one.row.settings == settings_key and one.row.is_settled
        ]
        self._by_name = {one.row.file: one.row for one in done}
        self._by_content = {(one.row.kind, one.row.content): one for one in done}
        self._sizes = {one.row.size_bytes for one in done}

    def step(self, source: Source) -> FileRow | Copy | KnownSource:
        """The row of what is done, or what to copy, or else the source that is to be embedded."""
        known, looks = self._by_name.get(source.name), source.look()
        if known and replace(known.identity, content="") == looks:
            return known
        if looks.size_bytes not in self._sizes:
            return source, None
        try:
            identity = source.read_identity()
        except (FileNotFoundError, UnreadableMediaError):
            return source, None  # its decoder says what is wrong
        if known and known.content == identity.content:  # only touched since
            return known
        same = self._by_content.get((source.kind, identity.content))
        return Copy(source, identity, same) if same else (source, identity)


class _Work:
    """The sources of a run, and what became of them so far."""

    def __init__(
        self,
        found: Found,
        known: Archive | None,
        writer: ShardWriter,
        bar: tqdm,
        *,
        resume: bool,
        is_strict: bool,
    ) -> None:
        self._found, self._known, self._writer, self._bar = found, known, writer, bar
        self._is_strict = is_strict
        self._plan = Plan(known if resume else None, writer.run.key)
        self._skipped: deque[FileRow] = deque()
        self._copies: defaultdict[Path, list[Copy]] = defaultdict(list)
        self.rows: list[FileRow] = []
        self.replaced: list[str] = []
        self.num_new = self._num_not_whole = 0

    def to_embed(self) -> Iterator[KnownSource]:
        """What has to be embedded; may be called in any thread, so the rest only waits for its turn."""
        for step in map(self._plan.step, self._found.sources):
            if isinstance(step, FileRow):
                self._skipped.append(step)
            elif isinstance(step, Copy):
                self._copies[step.done.shard].append(step)
            else:
                yield step

    def note_refused(self) -> None:
        """What was typed, or found, and is nothing to embed: it has its row as all others have."""
        for name, reason in self._found.refused.items():
            row = FileRow(name, "unknown", "unreadable", reason, finished_ns=time.time_ns())
            known = self._known.find(name) if self._known else None
            if known is None or known.row.reason != reason:  # else it has its row already
                self._writer.keep(row, [])
            self._note(row, is_new=True)

    def note_new(self, row: FileRow) -> None:
        """A source was embedded, or could not be."""
        self._note(row, is_new=True)
        self.note_skipped()

    def note_skipped(self) -> None:
        """Takes in the sources that were done before."""
        while self._skipped:
            self._note(self._skipped.popleft(), is_new=False)

    def copy(self) -> None:
        """Gives sources the embeddings of others of the same content, reading each shard once."""
        for shard, copies in self._copies.items():
            by_file = defaultdict(list)
            for copy in copies:
                by_file[copy.done.row.file].append((copy, RowsOfFile(self._writer)))
            for batch in rows_of_shard(shard, by_file):
                for row in batch.to_pylist():
                    for copy, rows in by_file[row["file"]]:
                        rows.add([renamed(row, copy.source)])
            for copy, rows in chain.from_iterable(by_file.values()):
                done, identity = copy.done.row, vars(copy.identity)
                original = done.copy_of or done.file
                file = replace(done, file=copy.source.name, copy_of=original, **identity)
                self._note(rows.finish(file), is_new=False)

    def _note(self, row: FileRow, *, is_new: bool) -> None:
        before = self._known.find(row.file) if self._known else None
        if before and before.row.content and row.content not in ("", before.row.content):
            self.replaced.append(row.file)
        self.num_new += is_new
        self.rows.append(row)
        self._num_not_whole += not row.is_whole
        if self._num_not_whole:
            self._bar.set_postfix_str(f"{self._num_not_whole} not whole", refresh=False)
        self._bar.update()
        if self._is_strict and not row.is_whole:
            raise NotWholeError(
                f"'{row.file}' is {row.status}: {row.reason} (strict: the run stops here; what was finished "
                "before is kept.)"
            )
