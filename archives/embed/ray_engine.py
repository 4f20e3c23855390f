"""`RayEngine`: the files of a run embedded on all machines of a Ray cluster, into the same shards."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path

from archives.embed.content import Identity
from archives.embed.embed_sources import Decoding
from archives.embed.file_rows import FileRow
from archives.embed.part_file import SHARDS_FOLDER, part_path
from archives.embed.ray_batches import batches_of, sources_to_text
from archives.embed.ray_cluster import (
    check_ray_is_installed,
    connected,
    cores_of_machines,
    quiet,
    share_cores,
)
from archives.embed.ray_run import run_batches
from archives.embed.ray_worker import ClusterJob
from archives.embed.shards import ShardWriter
from archives.embed.sources import Source
from inference.embed import Embedder

BATCHES_PER_ACTOR = 4
"""At least, so that a run of few files keeps all busy to its end."""


@dataclass(frozen=True)
class RayEngine:
    """The engine of `embed_archive` where one machine is not enough.

    This process plans and keeps the books; actors of Ray Data, each with the encoder and decoders of its own,
    take batches of files and write shards into the archive. All machines have to see the inputs, the encoder
    and the archive under the same paths, and to have this package installed. A batch counts when its shard
    is there. Whatever dies, Ray starts it again, and the batch is repeated; a file of which the process dies
    again and again is `crashed`.

    Attributes:
        address: "host:6379" of a cluster that this machine belongs to, "auto" for the one that runs here,
            "ray://host:10001" for one that it does not belong to; None starts one here and ends it.
        num_actors: int > 0, processes that embed; None for as many as use all cores.
        files_per_batch: int > 0, at most; fewer where files are large or few.

    Raises:
        ImportError: Ray is not installed.
        ValueError: a number out of its range.

    Example:
        >>> embed_archive(Embedder.load("encoder"), ["cards"], "embeddings", engine=RayEngine("auto"))
    """

    address: str | None = None
    num_actors: int | None = None
    files_per_batch: int = 64

    def __post_init__(self) -> None:
        for name in ("num_actors", "files_per_batch"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise ValueError(f"Expected {name} > 0, received {number}.")
        check_ray_is_installed()

    def __call__(
        self,
        embedder: Embedder,
        sources: Iterable[tuple[Source, Identity | None]],
        writer: ShardWriter,
        decoding: Decoding,
        finished: Callable[[FileRow], None],
    ) -> None:
        """Embeds each source; see `embed_sources`.

        Args:
            embedder: that was loaded from a folder.
            sources: each with its identity, where that is known.
            writer: of the archive; its folder and run are those of the actors' own writers.
            decoding: who decodes in each actor.
            finished: called with what became of each, in no order.

        Raises:
            ValueError: the encoder is in no folder, or another on one of the machines.
            ConnectionError: no cluster is there, or it gave up.
            FileNotFoundError: a machine does not see the files.
        """
        encoder = _path_of(embedder)
        if not (known := list(sources)):
            return
        with _mark(writer.folder) as mark, quiet(), connected(self.address):
            num_actors, num_cores = share_cores(cores_of_machines(), self.num_actors)
            job = ClusterJob(
                encoder,
                writer.folder.absolute(),
                mark,
                _working_folder([source for source, _ in known]),
                writer.run,
                decoding,
                num_cores,
            )
            files = min(self.files_per_batch, ceil(len(known) / num_actors / BATCHES_PER_ACTOR))
            batches = [sources_to_text(batch) for batch in batches_of(known, files)]
            with closing(run_batches(batches, job, min(num_actors, len(batches)))) as results:
                for row in results:
                    finished(row)


def _path_of(embedder: Embedder) -> Path:
    if embedder.path is None:
        raise ValueError(
            "A cluster needs an encoder that lies in a folder. Export this one (export_saved_model), and "
            "load it with Embedder.load."
        )
    return embedder.path.absolute()


def _working_folder(sources: Sequence[Source]) -> Path | None:
    """Names are paths as typed, so a process elsewhere has to stand where this one stands."""
    is_needed = any(not path.is_absolute() for source in sources for path in source.paths)
    return Path.cwd() if is_needed else None


@contextmanager
def _mark(folder: Path) -> Iterator[Path]:
    """A file by which the machines of a cluster know the folder; a later run removes one that was left."""
    path = part_path(folder.absolute() / SHARDS_FOLDER)
    path.touch()
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
