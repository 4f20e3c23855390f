"""The inner loop: sources decoded in worker processes, embedded in batches, and put into shards."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TypeAlias

from archives.embed.content import Identity
from archives.embed.decode_source import DecodeTask, Message, decode_source
from archives.embed.embedding_queue import EmbeddingQueue
from archives.embed.file_rows import FileRow
from archives.embed.front_end import YAMNET
from archives.embed.open_source import OpenSource
from archives.embed.shards import ShardWriter
from archives.embed.sources import Source
from archives.workers import Workers
from inference.embed import Embedder

Decoders: TypeAlias = Workers[DecodeTask, Message]


@dataclass(frozen=True)
class Decoding:
    """How files are decoded. No result depends on it.

    Attributes:
        num_workers: int >= 0, processes; 0 decodes in this process, without protection from crashes. None:
            half as many as there are cores, at least 1 and at most 8.
        time_limit_seconds: float > 0. A file that gives nothing for so long counts as crashed.
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

    def decoders(self) -> Decoders:
        """The worker processes."""
        cores = len(os.sched_getaffinity(0))
        number = max(1, min(8, cores // 2)) if self.num_workers is None else self.num_workers
        return Workers(
            decode_source, num_workers=number, time_limit_seconds=self.time_limit_seconds
        )


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


def embed_sources(
    embedder: Embedder,
    sources: Iterable[tuple[Source, Identity | None]],
    writer: ShardWriter,
    decoding: Decoding | Decoders,
    finished: Callable[[FileRow], None],
) -> None:
    """Embeds each source, whatever the others do; what is finished when it stops is in the writer.

    Args:
        embedder: the encoder.
        sources: each with its identity, where that is known; taken one by one, in a thread.
        writer: where the embeddings go; the settings are those of its run.
        decoding: who decodes; workers that are given stay open.
        finished: called with what became of each, in about their order.
    """
    front_end = YAMNET
    in_work: dict[Source, OpenSource] = {}

    def finish(source: OpenSource) -> None:
        finished(source.finish())
        del in_work[source.source]

    kind = None
    workers = decoding.decoders() if isinstance(decoding, Decoding) else nullcontext(decoding)
    try:
        with EmbeddingQueue(embedder, front_end, finish) as queue, workers as decoders:
            for task, message in decoders.run(_tasks(sources, writer, front_end.sample_rate_hz)):
                source = in_work.get(task.source)
                if source is None:
                    if task.source.kind != kind:  # photos do not wait until recordings fill a batch
                        queue.flush()
                    kind = task.source.kind
                    source = OpenSource(task.source, front_end, writer)
                    in_work[task.source] = source
                source.receive(message)
                queue.advance(source)
            queue.flush()
    finally:
        for source in in_work.values():
            source.rows.discard()


def _tasks(
    sources: Iterable[tuple[Source, Identity | None]], writer: ShardWriter, sample_rate_hz: int
) -> Iterator[DecodeTask]:
    cut = writer.run.settings
    for source, identity in sources:
        yield DecodeTask(
            source, identity, sample_rate_hz, cut.frames_per_second, cut.window_seconds
        )
