"""A stand-in for the strategy of two workers: what this worker asks, and what the other one answers."""

import tensorflow as tf


class TwoWorkers:
    """As a `MultiWorkerMirroredStrategy` to what decides which worker does what.

    Args:
        index: which one this is.
        *others: what the other worker brings to one question after the other; then 0.
    """

    def __init__(self, index: int, *others: float) -> None:
        workers = tf.train.ClusterSpec({"worker": ["a:1", "b:1"]})
        self.cluster_resolver = tf.distribute.cluster_resolver.SimpleClusterResolver(
            workers, task_type="worker", task_id=index
        )
        self.events: list[str] = []
        self._others = list(others)

    def reduce(self, operation: str, value: tf.Tensor, axis: None) -> tf.Tensor:
        self.events.append("wait")
        total = value + (self._others.pop(0) if self._others else 0)
        return total if operation == "SUM" else total / 2
