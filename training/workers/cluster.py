"""The cluster that a process belongs to: `TF_CONFIG` says who the workers are and which one this is."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf

CLUSTER_VARIABLE = "TF_CONFIG"  # TensorFlow's name


def is_worker() -> bool:
    """Whether this process is one of a cluster. Loads no TensorFlow.

    Raises:
        ValueError: `TF_CONFIG` is not what `cluster_strategy` describes.
    """
    return bool(_cluster())


def cluster_strategy() -> tf.distribute.MultiWorkerMirroredStrategy | None:
    """The strategy of this process' cluster; None where it is in none.

    `start_workers` makes a cluster on one machine. For several machines set `TF_CONFIG` on each, the
    same but for the index, and run the same command on all:

        {"cluster": {"worker": ["10.0.0.1:2222", "10.0.0.2:2222"]}, "task": {"type": "worker", "index": 0}}

    Worker 0 is the chief: it writes the files. Photos and recordings must be on all machines under the
    same names; the folder of a backup must be the same disk.

    Call it before anything else that uses TensorFlow, before the first tensor or model is made. It waits
    until all workers are there.

    Returns:
        tf.distribute.MultiWorkerMirroredStrategy or None.

    Raises:
        ValueError: `TF_CONFIG` is not what is described here.
        RuntimeError: TensorFlow has been used already, or has a strategy of this kind.
    Reference:
        https://www.tensorflow.org/guide/distributed_training#TF_CONFIG
    """
    if not is_worker():
        return None
    import tensorflow as tf

    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise RuntimeError(
            f"The workers cannot be joined ({error}). Call cluster_strategy() at the start of the "
            "program: before any tensor, model or dataset is made, and once only."
        ) from error


def cluster_config(addresses: list[str], index: int) -> str:
    """What `TF_CONFIG` is to be in one of some workers.

    Args:
        addresses: of each worker "host:port", the chief's first.
        index: int >= 0, of this worker.
    """
    task = {"type": "worker", "index": index}
    return json.dumps({"cluster": {"worker": addresses}, "task": task})


def _cluster() -> dict[str, list[str]]:
    """Addresses by job; empty where `TF_CONFIG` says nothing."""
    text = os.environ.get(CLUSTER_VARIABLE, "").strip() or "{}"
    try:
        config = json.loads(text)
        cluster = config.get("cluster", {})
        if cluster:
            cluster[config["task"]["type"]][int(config["task"]["index"])]
        return cluster
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        example = cluster_config(["10.0.0.1:2222", "10.0.0.2:2222"], 0)
        raise ValueError(
            f"Expected {CLUSTER_VARIABLE} to be such as {example}, received {text!r} "
            f"({type(error).__name__}: {error}). Mend it, or unset it to train in one process."
        ) from error
