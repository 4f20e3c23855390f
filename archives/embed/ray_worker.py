"""What a process of a Ray cluster does: batches of sources, by the same inner loop, into the same folder."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import tensorflow as tf

from archives.embed.content import Identity
from archives.embed.embed_sources import Decoders, Decoding, embed_sources
from archives.embed.file_rows import FileRow
from archives.embed.settings import Run
from archives.embed.shards import ShardWriter, remove_abandoned_parts
from archives.embed.sources import Source
from inference.embed import Embedder

KnownSource = tuple[Source, Identity | None]


@dataclass(frozen=True)
class ClusterJob:
    """What every process of a run is told.

    Attributes:
        encoder: absolute path of the exported encoder.
        folder: absolute path of the archive.
        mark: a file in it that lives as long as the run: a machine that does not see it has another folder.
        working_folder: of this process; sources may have paths relative to it.
        run: what makes the shards.
        decoding: who decodes.
        num_cores: int > 0, that a process may use.
    """

    encoder: Path
    folder: Path
    mark: Path
    working_folder: Path
    run: Run
    decoding: Decoding
    num_cores: int


class BatchWorker:
    """Embeds one batch after another; what it returns is in a shard.

    It may be killed at any time and the batch given to another: a batch that is done twice does no harm, as
    of two rows of one file the later counts.

    Args:
        job: what is the same for all.
        batches: Ray's references to lists of sources.
    """

    def __init__(self, job: ClusterJob, batches: Sequence) -> None:
        self._job, self._batches = job, batches

    def __call__(self, batch: Mapping[str, np.ndarray]) -> dict[str, list[str]]:
        """What became of each source of a batch.

        Args:
            batch: of one row: its number.

        Returns:
            One row: JSON of a list of `FileRow.to_record`; why the run cannot go on, or "".
        """
        import ray  # an extra

        sources: list[KnownSource] = ray.get(self._batches[int(batch["number"][0])])
        rows: list[FileRow] = []
        try:
            embedder, writer, decoders = self._tools
            embed_sources(embedder, sources, writer, decoders, rows.append)
            writer.flush()
        except (OSError, ValueError) as error:  # would meet every batch
            return {"rows": ["[]"], "error": [f"{type(error).__name__}: {error}"]}
        return {"rows": [json.dumps([row.to_record() for row in rows])], "error": [""]}

    @cached_property
    def _tools(self) -> tuple[Embedder, ShardWriter, Decoders]:
        job = self._job
        check_folders(job)
        os.chdir(job.working_folder)
        tf.config.threading.set_intra_op_parallelism_threads(job.num_cores)
        tf.config.threading.set_inter_op_parallelism_threads(job.num_cores)
        embedder = Embedder.load(job.encoder)
        if embedder.fingerprint != job.run.fingerprint:
            raise ValueError(
                f"The encoder '{job.encoder}' on {socket.gethostname()} is another: its fingerprint is "
                f"{embedder.fingerprint}, expected {job.run.fingerprint}. Copy the same one to each machine."
            )
        remove_abandoned_parts(job.folder)  # of the process that this one replaces
        decoding = job.decoding
        if decoding.num_workers is None:
            decoding = replace(decoding, num_workers=max(1, job.num_cores // 2))
        return embedder, ShardWriter(job.folder, job.run), decoding.decoders()


def check_folders(job: ClusterJob) -> None:
    """Each machine of a cluster has to see the same files under the same paths.

    Raises:
        FileNotFoundError: this one does not.
    """
    needed = (job.mark, job.encoder, job.working_folder)
    unseen = ", ".join(repr(str(path)) for path in needed if not path.exists())
    if unseen:
        raise FileNotFoundError(
            f"The machine {socket.gethostname()} of the cluster does not see {unseen}. Expected inputs, "
            "encoder and output under the same paths on each, on a file system that all machines share."
        )
