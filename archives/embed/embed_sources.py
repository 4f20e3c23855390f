"""The inner loop: sources decoded in worker processes, embedded in batches, and put into shards."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass

from archives.embed.content import Identity
from archives.embed.decode_source import DecodeTask, Message, decode_source
from archives.embed.embedding_queue import EmbeddingQueue, SourceInWork
from archives.embed.file_rows import FileRow
from archives.embed.open_source import OpenSource
from archives.embed.settings import ArchiveSettings
from archives.embed.shards import ShardWriter
from archives.embed.sources import Source, path_to_name
from archives.pool import TaskFailed, TaskNotDone, WorkerPool
from inference.embed import Embedder
from media import UnreadableMediaError

REFUSALS = (UnreadableMediaError, FileNotFoundError)
"""What a decoder raises of a file that it understands is of no use; anything else is a crash."""


@dataclass(frozen=True)
class Decoding:
    """Who decodes, and how long a file may take. No result depends on it.

    Attributes:
        num_workers: int >= 0, processes; 0 decodes in this process, without protection from crashes. None:
            half as many as there are cores, at least 1 and at most 8.
        time_limit_seconds: float > 0. A file that gives nothing for so long, or takes so much longer than the
            sound or film in it lasts, is given up as crashed.
    """

    num_workers: int | None = None
    time_limit_seconds: float = 60.0

    def __post_init__(self) -> None:
        if self.num_workers is not None and self.num_workers < 0:
            raise ValueError(f"Expected num_workers >= 0, received {self.num_workers}.")
        if not self.time_limit_seconds > 0:
            raise ValueError(
                f"Expected time_limit_seconds > 0, received {self.time_limit_seconds}."
            )

    def pool(self) -> WorkerPool:
        """The workers."""
        cores = len(os.sched_getaffinity(0))
        number = max(1, min(8, cores // 2)) if self.num_workers is None else self.num_workers
        return WorkerPool(
            decode_source, num_workers=number, time_limit_seconds=self.time_limit_seconds
        )


def embed_sources(
    embedder: Embedder,
    sources: Iterable[tuple[Source, Identity | None]],
    writer: ShardWriter,
    decoding: Decoding | WorkerPool,
    finished: Callable[[FileRow], None],
) -> None:
    """Embeds each source, whatever the others do; what is finished when it stops is in the writer.

    Args:
        embedder: the encoder.
        sources: lazily taken; each with its identity, where that is known.
        writer: where the embeddings go; the settings are those of its run.
        decoding: who decodes; a pool stays open.
        finished: called with what became of each, in about their order.
    """
    settings = writer.run.settings

    def finish(work: SourceInWork) -> None:
        row = work.source.row(work.share.num_rows, writer.run.key)
        finished(work.share.finish(row))
        open_shares.pop(id(work))

    open_shares: dict[int, SourceInWork] = {}
    workers = decoding.pool() if isinstance(decoding, Decoding) else nullcontext(decoding)
    kind = None
    try:
        with EmbeddingQueue(embedder, finish) as queue, workers as pool:
            for task, messages in pool.run(_tasks(sources, settings)):
                if task.source.kind != kind:  # photos need not wait until recordings fill a batch
                    queue.flush()
                kind = task.source.kind
                source = OpenSource(task.source, settings)
                work = SourceInWork(source, writer.open_file(task.source))
                open_shares[id(work)] = work
                _take(messages, work, queue)
                queue.end(work)
            queue.flush()
    finally:
        for work in open_shares.values():
            work.share.discard()


Engine = Callable[
    [
        Embedder,
        Iterable[tuple[Source, Identity | None]],
        ShardWriter,
        Decoding,
        Callable[[FileRow], None],
    ],
    None,
]
"""Who embeds the sources of a run: `embed_sources` in this process, or `RayEngine` on many machines."""


def _tasks(
    sources: Iterable[tuple[Source, Identity | None]], settings: ArchiveSettings
) -> Iterator[DecodeTask]:
    for source, identity in sources:
        yield DecodeTask(source, identity, settings.frames_per_second, settings.window_seconds)


def _take(messages: Iterator[Message], work: SourceInWork, queue: EmbeddingQueue) -> None:
    try:
        for message in messages:
            work.source.receive(message)
            queue.advance(work)
    except TaskFailed as error:
        if isinstance(error.cause, REFUSALS):
            work.source.fail(_reason(error.cause, work.source.source), has_crashed=False)
        else:
            work.source.fail(f"its decoder stopped with {error}.", has_crashed=True)
    except TaskNotDone as error:
        work.source.fail(f"its decoder did not come to an end: {error}.", has_crashed=True)


def _reason(refusal: Exception, source: Source) -> str:
    """Of a pair it says which of the two files is meant."""
    if isinstance(refusal, UnreadableMediaError):
        path, reason = refusal.path, refusal.reason
    else:
        gone = (path for path in source.paths if not path.exists())
        path, reason = next(gone, source.path), "there is no such file."
    return reason if source.photo is None else f"'{path_to_name(path)}': {reason}"
