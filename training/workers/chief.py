"""The chief among the workers of a cluster: the one that writes files, and that the others wait for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import tensorflow as tf


def is_chief(strategy: tf.distribute.Strategy | None) -> bool:
    """Whether this process writes files: true everywhere but in the further workers of a cluster."""
    resolver = None if strategy is None else strategy.cluster_resolver
    if resolver is None or not resolver.task_type:
        return True
    has_chief = "chief" in resolver.cluster_spec().jobs
    return (resolver.task_type, resolver.task_id) == ("chief" if has_chief else "worker", 0)


def num_workers(strategy: tf.distribute.Strategy | None) -> int:
    """How many processes train together, int >= 1."""
    resolver = None if strategy is None else strategy.cluster_resolver
    jobs = {} if resolver is None else resolver.cluster_spec().as_dict()
    return max(1, sum(len(jobs.get(job, ())) for job in ("chief", "worker")))


def any_worker(strategy: tf.distribute.Strategy | None, value: bool) -> bool:
    """Whether the value is true in any worker; all workers must ask, and wait for each other.

    Args:
        strategy: that of the workers; without one, or with one worker, the answer is the value.
        value: this worker's.
    """
    if strategy is None or num_workers(strategy) == 1:
        return value
    return float(strategy.reduce("SUM", tf.constant(float(value)), axis=None)) > 0


@contextmanager
def chief_first(strategy: tf.distribute.Strategy | None) -> Iterator[None]:
    """What stands within is done by the chief, and when it is ready, by the others.

    For work whose result is kept on a disk: the chief does it, the others find it done.

    Args:
        strategy: that of the workers; None: there is one.

    Example:
        >>> with chief_first(strategy):
        ...     media = prepare_media(folders, yamnet)
    """
    if not is_chief(strategy):
        any_worker(strategy, False)
    yield
    if is_chief(strategy):
        any_worker(strategy, False)
