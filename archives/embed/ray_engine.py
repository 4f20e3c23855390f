"""`RayEngine`: the files of a run embedded on all machines of a Ray cluster, into the same shards."""

from __future__ import annotations

import json
import logging
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from urllib.parse import urlsplit

from archives.embed.content import look_at
from archives.embed.embed_sources import Decoding
from archives.embed.file_rows import FileRow
from archives.embed.ray_worker import BatchWorker, ClusterJob, KnownSource
from archives.embed.shards import ShardWriter, part_path
from archives.embed.sources import Source
from inference.embed import Embedder

BATCHES_PER_ACTOR = 4
"""At least, so that a run of few files keeps all busy to its end."""
BYTES_PER_BATCH = 256 << 20
"""Three quarters of an hour of a 48 kHz WAV: so a batch of recordings is not sixty times one of photos."""
MOST_CORES_PER_ACTOR = 8
"""Beyond these the network of one process gains little; further cores get an actor of their own."""
OBJECT_STORE_BYTES = 100_000_000  # of a cluster of our own; only names and rows pass through it
_SECONDS_TO_ANSWER = 5.0


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

        Args:
            embedder: that was loaded from a folder.
            sources: each with its identity, where that is known.
            writer: of the archive; its folder and run are those of the actors' own writers.
            decoding: who decodes in each actor.
            finished: called with what became of each, in no order.

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
        folder = writer.folder.absolute()
        with _mark(folder) as mark, _connected(self.address):
            num_actors, num_cores = _share_cores(self.num_actors)
            encoder = embedder.path.absolute()
            job = ClusterJob(encoder, folder, mark, Path.cwd(), writer.run, decoding, num_cores)
            files_per_batch = ceil(len(left) / num_actors / BATCHES_PER_ACTOR)
            for most_files in (min(self.files_per_batch, files_per_batch), 1):
                num_before = len(left)
                batches = list(batches_of(left.values(), most_files))
                for row in _run(batches, job, num_actors) if batches else ():
                    del left[row.file]
                    finished(row)
        if len(left) == num_before > 1:
            raise ConnectionError(
                "Every process of the Ray cluster died. Look whether memory ran out (`ray logs`), or start "
                "fewer with --ray-actors. What was finished is kept."
            )
        for source, _ in left.values():
            finished(_give_up(source, writer))


def batches_of(sources: Iterable[KnownSource], most_files: int) -> Iterator[list[KnownSource]]:
    """Sources in batches of at most so many files and `BYTES_PER_BATCH`; a larger file is one alone."""
    batch: list[KnownSource] = []
    num_bytes = 0
    for source, identity in sources:
        size_bytes = max(0, look_at(source.paths).size_bytes)
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

    context = DataContext.get_current().copy()
    context.enable_progress_bars = False
    context.execution_no_progress_timeout_s = -1  # decoders have a limit of their own
    context.max_errored_blocks = -1  # go on without batches whose actors died
    with DataContext.current(context):
        references = [ray.put(batch) for batch in batches]
        numbers = [{"number": number} for number in range(len(batches))]
        done = ray.data.from_items(numbers, override_num_blocks=len(numbers)).map_batches(
            BatchWorker,
            batch_size=None,
            compute=ActorPoolStrategy(
                size=min(num_actors, len(batches)), max_tasks_in_flight_per_actor=1
            ),
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


def _give_up(source: Source, writer: ShardWriter) -> FileRow:
    looks = look_at(source.paths)
    row = FileRow(
        source.name,
        source.kind,
        "crashed",
        "the process that embeds it died each time.",
        size_bytes=looks.size_bytes,
        modified_ns=looks.modified_ns,
        settings=writer.run.key,
        finished_ns=time.time_ns(),
    )
    writer.keep(row, [])
    return row


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
    """Within it, this process is the driver of a cluster; a connection that is there already stays.

    Raises:
        ConnectionError: there is no cluster at the address.
    """
    import ray.data  # sets its logger up

    logging.getLogger("ray.data").setLevel(logging.ERROR)
    if ray.is_initialized():
        yield
        return
    if address is None:
        ray.init(
            "local",
            num_cpus=len(os.sched_getaffinity(0)),
            object_store_memory=OBJECT_STORE_BYTES,
            include_dashboard=False,
            logging_level=logging.ERROR,
            log_to_driver=False,
        )
    else:
        try:
            _check_is_there(address)
            ray.init(address, logging_level=logging.ERROR, log_to_driver=False)
        except (OSError, RuntimeError, ValueError) as error:
            raise ConnectionError(
                f"No Ray cluster can be reached at '{address}' ({error}). Expected auto or host:6379, on one "
                "of its machines; `ray status` there tells whether it runs."
            ) from error
    try:
        yield
    finally:
        ray.shutdown()


def _check_is_there(address: str) -> None:
    """Ray itself asks for minutes before it gives up."""
    if address != "auto":
        place = urlsplit(f"//{address}")
        if place.hostname is None or place.port is None:
            raise ValueError("that names no host and port")
        socket.create_connection((place.hostname, place.port), _SECONDS_TO_ANSWER).close()


@contextmanager
def _mark(folder: Path) -> Iterator[Path]:
    """A file by which the machines of a cluster know the folder; a later run removes one that was left."""
    path = part_path(folder)
    path.touch()
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)
