"""What a process of a cluster does: batches of sources, by the same inner loop, into the same folder."""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from archives.embed.content import Identity, look_at
from archives.embed.embed_sources import Decoding, embed_sources
from archives.embed.file_rows import FileRow
from archives.embed.open_source import OpenSource
from archives.embed.part_file import remove_abandoned_parts
from archives.embed.ray_batches import KnownSource, rows_to_text, text_to_rows, text_to_sources
from archives.embed.run import Run
from archives.embed.shards import ShardWriter
from archives.embed.sources import Source
from archives.pool import WorkerPool
from inference.embed import Embedder

if TYPE_CHECKING:
    from ray.actor import ActorHandle

MOST_ATTEMPTS = 2
"""Deaths of the process after which a batch is done file by file, and a file is given up."""
MOST_VAIN_STARTS = 5


@dataclass(frozen=True)
class ClusterJob:
    """What every process of a run is told.

    Attributes:
        encoder: absolute path of the exported encoder.
        folder: absolute path of the archive.
        mark: a file in it that lives as long as the run: who does not see it, sees another folder.
        working_folder: what relative paths of sources are relative to; None where there are none.
        run: what makes the shards.
        decoding: who decodes.
        num_cores: int > 0, that a process may use.
    """

    encoder: Path
    folder: Path
    mark: Path
    working_folder: Path | None
    run: Run
    decoding: Decoding
    num_cores: int


class Attempts:
    """Remembers what was begun and not ended: whoever died of it cannot tell any more."""

    def __init__(self) -> None:
        self._begun: Counter[str] = Counter()
        self._told: dict[str, str] = {}

    def begin(self, name: str) -> tuple[int, str | None]:
        """How often it was begun since it last ended, this time included; what was told at its end."""
        self._begun[name] += 1
        return self._begun[name], self._told.get(name)

    def end(self, name: str, told: str | None = None) -> None:
        """It came to its end."""
        del self._begun[name]
        if told is not None:
            self._told[name] = told


class BatchWorker:
    """Embeds one batch after another; what it returns is in a shard.

    It may be killed at any time, and the batch given to another: a batch that is done twice does no harm,
    as of two rows of one file the later counts.

    Args:
        job: what is the same for all.
        attempts: of `Attempts`.
    """

    def __init__(self, job: ClusterJob, attempts: ActorHandle) -> None:
        self._job, self._attempts = job, attempts

    def __call__(self, batch: Mapping[str, np.ndarray]) -> dict[str, list[str]]:
        """What became of each source of a batch.

        Args:
            batch: of one row: number; sources, of `sources_to_text`.

        Returns:
            rows, of `rows_to_text`.
        """
        sources = text_to_sources(str(batch["sources"][0]))
        tools = self._tools
        name = f"batch {batch['number'][0]}"
        num_attempts, _ = self._begin(name)
        if num_attempts <= MOST_ATTEMPTS:
            rows = tools.embed(sources)
        else:
            rows = [self._embed_alone(source) for source in sources]
        self._end(name)
        return {"rows": [rows_to_text(rows)]}

    @cached_property
    def _tools(self) -> _Tools:
        """Loaded with the first batch; a process that dies of it says so after some attempts."""
        import ray

        name = f"start {ray.get_runtime_context().get_actor_id()}"
        num_attempts, _ = self._begin(name)
        if num_attempts > MOST_VAIN_STARTS:
            raise OSError(
                f"The process that embeds died {MOST_VAIN_STARTS} times in a row while it loaded the encoder "
                f"'{self._job.encoder}', last on {socket.gethostname()}. Look whether memory ran out there "
                "(`ray logs`), or start fewer with --ray-actors."
            )
        tools = _Tools(self._job)
        self._end(name)
        return tools

    def _embed_alone(self, source: KnownSource) -> FileRow:
        """A batch that kills its process is done file by file: whoever is guilty stands alone then."""
        name = f"file {source[0].name}"
        num_attempts, told = self._begin(name)
        if told is not None:
            row = text_to_rows(told)[0]
        elif num_attempts <= MOST_ATTEMPTS:
            row = self._tools.embed([source])[0]
        else:
            row = self._tools.give_up(source[0])
        self._end(name, rows_to_text([row]))
        return row

    def _begin(self, name: str) -> tuple[int, str | None]:
        import ray

        told: Any = ray.get(self._attempts.begin.remote(name))  # Any: Ray types no actor's answers
        return tuple(told)

    def _end(self, name: str, told: str | None = None) -> None:
        import ray

        ray.get(self._attempts.end.remote(name, told))


class _Tools:
    """The encoder, the decoders and the writer of one process.

    Args:
        job: what is the same for all.
    """

    def __init__(self, job: ClusterJob) -> None:
        _check_folders(job)
        if job.working_folder is not None:
            os.chdir(job.working_folder)
        for set_threads in (
            tf.config.threading.set_intra_op_parallelism_threads,
            tf.config.threading.set_inter_op_parallelism_threads,
        ):
            set_threads(job.num_cores)
        self._embedder = _load(job)
        remove_abandoned_parts(job.folder)  # of the process that this one replaces
        self._writer = ShardWriter(job.folder, job.run)
        self._pool = _pool(job)

    def embed(self, sources: Sequence[KnownSource]) -> list[FileRow]:
        """What became of each; their embeddings are in a shard."""
        rows: list[FileRow] = []
        embed_sources(self._embedder, sources, self._writer, self._pool, rows.append)
        self._writer.flush()
        return rows

    def give_up(self, source: Source) -> FileRow:
        """The row of a file of which the process dies."""
        opened = OpenSource(source, self._writer.run.settings)
        reason = f"the process that embeds it died of it, in {MOST_ATTEMPTS} attempts."
        opened.receive(Identity("", *look_at(source.paths)))
        opened.fail(reason, has_crashed=True)
        row = self._writer.open_file(source).finish(opened.row(0, self._writer.run.key))
        self._writer.flush()
        return row


def _check_folders(job: ClusterJob) -> None:
    """Each machine of a cluster has to see the same files under the same paths."""
    needed = [job.mark, job.encoder, *([job.working_folder] if job.working_folder else ())]
    unseen = [path for path in needed if not path.exists()]
    if unseen:
        raise FileNotFoundError(
            f"The machine {socket.gethostname()} of the cluster does not see "
            f"{', '.join(repr(str(path)) for path in unseen)}. Expected inputs, encoder and output under the "
            "same paths on each, on a file system that all machines share. Mount it there."
        )


def _load(job: ClusterJob) -> Embedder:
    embedder = Embedder.load(job.encoder)
    if embedder.fingerprint != job.run.fingerprint:
        raise ValueError(
            f"The encoder '{job.encoder}' on {socket.gethostname()} is another: its fingerprint is "
            f"{embedder.fingerprint}, expected {job.run.fingerprint}. Copy the same one to each machine."
        )
    return embedder


def _pool(job: ClusterJob) -> WorkerPool[Any, Any]:  # Any: as `Decoding.pool`
    """Decoders for half of the cores, as `Decoding` would on a machine of so many."""
    decoding = job.decoding
    if decoding.num_workers is None:
        decoding = replace(decoding, num_workers=max(1, job.num_cores // 2))
    return decoding.pool()
