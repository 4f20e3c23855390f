"""`RayEngine`: the files of a run embedded on all machines of a Ray cluster, into the same shards."""

from __future__ import annotations

import json
import logging
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from importlib.util import find_spec
from math import ceil
from pathlib import Path

import numpy as np
import tensorflow as tf

from archives.embed.embed_sources import Decoders, Decoding, KnownSource, embed_sources
from archives.embed.rows import FileRow
from archives.embed.settings import Run
from archives.embed.shards import ShardWriter, part_path, remove_abandoned_parts
from inference.embed import Embedder

BATCHES_PER_ACTOR = 4  # at least, so that a run of few files keeps all busy to its end
BYTES_PER_BATCH = 256 << 20
"""Three quarters of an hour of a 48 kHz WAV: so a batch of recordings is not sixty times one of photos."""
MOST_CORES_PER_ACTOR = 8  # beyond these the network of one process gains little
_OBJECT_STORE_BYTES = 100_000_000  # of a cluster of our own; only names and rows pass through it


@dataclass(frozen=True)
class RayEngine:
    """The engine of `embed_archive` where one machine is not enough.

    This process plans and writes the table of files; actors of Ray Data, each with the encoder and decoders
    of its own, take batches of files and write shards into the archive. All machines have to see the inputs,
    the encoder and the archive under the same paths, and to have this package installed. A batch counts when
    its shard is there. If an actor dies, Ray repeats the batch; if it dies again, its files are done one by
    one, and a file of which an actor dies twice more is `crashed`.

    Attributes:
        address: "host:6379" of a cluster that this machine belongs to, "auto" for the one that runs here;
            None starts one here and ends it.
        num_actors: int > 0, processes that embed; None for as many as use all cores.
        files_per_batch: int > 0, at most; fewer where files are large or few.

    Raises:
        ImportError: Ray is not installed.
        ValueError: a number out of its range, or an address of Ray's client.

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
        if self.address is not None and self.address.startswith("ray://"):
            raise ValueError(
                f"Ray Data does not run over Ray's client ('{self.address}'). Run on a machine of the "
                "cluster with --ray-address auto, or hand the command to `ray job submit`."
            )
        if find_spec("ray") is None:
            raise ImportError(
                "--engine ray needs Ray Data, which is not installed: pip install 'fused-encoder[ray]', here "
                "and on the machines of the cluster."
            )

    def __call__(
        self,
        embedder: Embedder,
        sources: Iterable[KnownSource],
        writer: ShardWriter,
        decoding: Decoding,
        finished: Callable[[FileRow], None],
    ) -> None:
        """Embeds each source; see `embed_sources`.

        Raises:
            ValueError: the encoder is in no folder.
            ConnectionError: no cluster is there, or it cannot go on.
        """
        if embedder.path is None:
            raise ValueError(
                "A cluster needs an encoder that lies in a folder. Export this one (export_saved_model), and "
                "load it with Embedder.load."
            )
        left = {source.name: (source, identity) for source, identity in sources}
        if not left:
            return
        num_all = len(left)
        mark = part_path(writer.folder.absolute())
        mark.touch()
        try:
            with _connected(self.address):
                num_actors, num_cores = _share_cores(self.num_actors)
                paths = (embedder.path.absolute(), writer.folder.absolute(), mark, Path.cwd())
                job = ClusterJob(*paths, writer.run, decoding, num_cores)
                most_files = ceil(num_all / num_actors / BATCHES_PER_ACTOR)
                for files_per_batch in (min(self.files_per_batch, most_files), 1):
                    for row in _run(
                        list(batches_of(left.values(), files_per_batch)), job, num_actors
                    ):
                        del left[row.file]
                        finished(row)
        finally:
            mark.unlink(missing_ok=True)
        if len(left) == num_all > 1:
            raise ConnectionError(
                "Every process of the Ray cluster died. Look whether memory ran out (`ray logs`), or start "
                "fewer with --ray-actors."
            )
        for source, _ in left.values():
            looks = vars(source.look()) | {
                "settings": writer.run.key,
                "finished_ns": time.time_ns(),
            }
            reason = "the process that embeds it died each time."
            row = FileRow(source.name, source.kind, "crashed", reason, **looks)
            writer.keep(row, [])
            finished(row)


def batches_of(sources: Iterable[KnownSource], most_files: int) -> Iterator[list[KnownSource]]:
    """Sources in batches of at most so many files and `BYTES_PER_BATCH`; a larger file is one alone."""
    batch: list[KnownSource] = []
    num_bytes = 0
    for source, identity in sources:
        size_bytes = max(0, source.look().size_bytes)
        if batch and (len(batch) == most_files or num_bytes + size_bytes > BYTES_PER_BATCH):
            yield batch
            batch, num_bytes = [], 0
        batch.append((source, identity))
        num_bytes += size_bytes
    if batch:
        yield batch


def _run(
    batches: Sequence[list[KnownSource]], job: ClusterJob, num_actors: int
) -> Iterator[FileRow]:
    """What became of each file, batch by batch; nothing of batches whose actors died."""
    import ray
    from ray.data import ActorPoolStrategy, DataContext
    from ray.exceptions import RayError

    if not batches:
        return
    context = DataContext.get_current().copy()
    context.enable_progress_bars = False
    context.execution_no_progress_timeout_s = -1  # decoders have a limit of their own
    context.max_errored_blocks = -1  # go on without batches whose actors died
    size = min(num_actors, len(batches))
    with DataContext.current(context):
        references = [ray.put(batch) for batch in batches]
        numbers = [{"number": number} for number in range(len(batches))]
        done = ray.data.from_items(numbers, override_num_blocks=len(numbers)).map_batches(
            BatchWorker,
            batch_size=None,
            compute=ActorPoolStrategy(size=size, max_tasks_in_flight_per_actor=1),
            # Half of what it uses: if a machine dies, its actors find room on the others.
            num_cpus=job.num_cores / 2,
            max_task_retries=1,
            fn_constructor_kwargs={"job": job, "batches": references},
        )
        try:
            for batch in done.iter_batches(batch_size=None, prefetch_batches=0):
                for error, rows in zip(batch["error"], batch["rows"], strict=True):
                    if error:
                        raise ConnectionError(f"The Ray cluster cannot go on. {error}")
                    yield from map(FileRow.from_record, json.loads(rows))
        except RayError as error:
            raise ConnectionError(f"The Ray cluster cannot go on. {error}") from error


def _share_cores(num_actors: int | None) -> tuple[int, int]:
    """How many actors there are to be, and how many cores each uses."""
    import ray

    found = [int(node["Resources"].get("CPU", 0)) for node in ray.nodes() if node["Alive"]]
    machines = [cores for cores in found if cores] or [1]
    if num_actors is None:
        cores = min(MOST_CORES_PER_ACTOR, *machines)
        return sum(machine // cores for machine in machines), cores
    return num_actors, max(1, min(MOST_CORES_PER_ACTOR, sum(machines) // num_actors))


@contextmanager
def _connected(address: str | None) -> Iterator[None]:
    """Within it, this process is the driver of a cluster; a connection that is there already stays."""
    import ray.data  # sets its logger up

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    if ray.is_initialized():
        yield
        return
    start = partial(ray.init, logging_level=logging.ERROR, log_to_driver=False)
    if address is None:
        start(
            "local",
            num_cpus=len(os.sched_getaffinity(0)),
            object_store_memory=_OBJECT_STORE_BYTES,
            include_dashboard=False,
        )
    else:
        try:
            if address != "auto":  # Ray itself asks for minutes before it gives up
                host, _, port = address.rpartition(":")
                socket.create_connection((host, int(port)), timeout=5.0).close()
            start(address)
        except (OSError, RuntimeError, ValueError) as error:
            raise ConnectionError(
                f"No Ray cluster can be reached at '{address}' ({error}). Expected auto or host:6379, on one "
                "of its machines; `ray status` there tells whether it runs."
            ) from error
    try:
        yield
    finally:
        ray.shutdown()


@dataclass(frozen=True)
class ClusterJob:
    """What every process of a run is told; all paths are absolute."""

    encoder: Path
    folder: Path  # of the archive
    mark: Path  # a file in it: a machine that does not see it has another folder
    working_folder: Path  # sources may have paths relative to it
    run: Run
    decoding: Decoding
    num_cores: int  # that a process may use


class BatchWorker:
    """A process of the cluster: embeds one batch after another; what it returns is in a shard.

    It may be killed at any time and the batch given to another: a batch that is done twice does no harm, as
    of two rows of one file the later counts.
    """

    def __init__(self, job: ClusterJob, batches: Sequence) -> None:
        self._job, self._batches = job, batches

    def __call__(self, batch: Mapping[str, np.ndarray]) -> dict[str, list[str]]:
        """What became of each source of a batch, as JSON; or why the run cannot go on."""
        import ray

        rows: list[FileRow] = []
        try:
            embedder, writer, decoders = self._tools
            sources = ray.get(self._batches[int(batch["number"][0])])
            embed_sources(embedder, sources, writer, decoders, rows.append)
            writer.flush()
        except (OSError, ValueError) as error:  # would meet every batch
            return {"rows": ["[]"], "error": [f"{type(error).__name__}: {error}"]}
        return {"rows": [json.dumps([row.to_record() for row in rows])], "error": [""]}

    @cached_property
    def _tools(self) -> tuple[Embedder, ShardWriter, Decoders]:
        job = self._job
        needed = (job.mark, job.encoder, job.working_folder)
        if unseen := [str(path) for path in needed if not path.exists()]:
            raise FileNotFoundError(
                f"The machine {socket.gethostname()} of the cluster does not see {', '.join(unseen)}. "
                "Expected inputs, encoder and output under the same paths on each, on a file system that "
                "all share."
            )
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
