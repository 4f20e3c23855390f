"""One run on a cluster: batches into Ray Data, what became of the files out of it."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any  # Ray types no handle of an actor

from archives.embed.file_rows import FileRow
from archives.embed.ray_batches import text_to_rows
from archives.embed.ray_worker import Attempts, BatchWorker, ClusterJob


def run_batches(batches: Sequence[str], job: ClusterJob, num_actors: int) -> Generator[FileRow]:
    """What became of each file, batch by batch as they are done.

    Args:
        batches: of `sources_to_text`.
        job: what is the same for all.
        num_actors: int > 0.

    Raises:
        ConnectionError: the cluster gave up.
        Exception: what an actor raised, such as an OSError for a full disk.
    """
    texts_of = _texts_from_afar if _is_afar() else _texts
    with _told_as_ours():
        for text in texts_of(batches, job, num_actors):
            yield from text_to_rows(text)


def _is_afar() -> bool:
    """Whether this process is connected over ray://."""
    import ray  # an extra

    return bool(ray.util.client.ray.is_connected())


def _texts(batches: Sequence[str], job: ClusterJob, num_actors: int) -> Iterator[str]:
    """Of `rows_to_text`, one for each batch that is done."""
    import ray
    from ray.data import ActorPoolStrategy, DataContext

    context = DataContext.get_current().copy()
    context.enable_progress_bars = False
    # A day of sound takes its time, and decoders have a limit of their own.
    context.execution_no_progress_timeout_s = -1
    context.raise_original_map_exception = True
    with DataContext.current(context):
        attempts = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Attempts).remote()
        items = [{"number": number, "sources": text} for number, text in enumerate(batches)]
        done = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
            BatchWorker,
            batch_size=None,
            compute=ActorPoolStrategy(size=num_actors, max_tasks_in_flight_per_actor=1),
            # Half of what it uses: if a machine dies, its actors find room on the others.
            num_cpus=job.num_cores / 2,
            fn_constructor_kwargs={"job": job, "attempts": attempts},
        )
        for batch in done.iter_batches(batch_size=None, prefetch_batches=0):
            yield from map(str, batch["rows"])


class Deputy:
    """Runs Ray Data on a machine of the cluster: over ray:// it cannot be run from outside.

    Args: as `run_batches`.
    """

    def __init__(self, batches: Sequence[str], job: ClusterJob, num_actors: int) -> None:
        self._texts = _texts(batches, job, num_actors)

    def next(self) -> str | None:
        """Of the next batch that is done; None after the last."""
        return next(self._texts, None)


def _texts_from_afar(batches: Sequence[str], job: ClusterJob, num_actors: int) -> Iterator[str]:
    import ray

    deputy: Any = ray.remote(num_cpus=0)(Deputy).remote(batches, job, num_actors)
    while (text := ray.get(deputy.next.remote())) is not None:
        yield str(text)


@contextmanager
def _told_as_ours() -> Iterator[None]:
    """What an actor raised is raised here, without the tale of its journey."""
    from ray.exceptions import RayError, RayTaskError

    try:
        yield
    except RayError as error:
        cause: BaseException = error
        while isinstance(cause, RayTaskError):
            cause = cause.cause
        if not isinstance(cause, RayError):
            if cause.args and isinstance(
                cause.args[0], str
            ):  # Ray adds advice for those who write it
                cause.args = (cause.args[0].partition("\nFailed to apply UDF")[0], *cause.args[1:])
            raise cause from error
        raise ConnectionError(
            f"The Ray cluster gave up: {cause} What was finished is kept; run again to go on."
        ) from error
