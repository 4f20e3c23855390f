"""Several processes or devices that train one encoder, and get the weights that one would."""

from training.workers.chief import chief_first, is_chief
from training.workers.cluster import cluster_strategy, is_worker
from training.workers.replicate import replicate
from training.workers.start import start_workers

__all__ = [
    # to start them
    "start_workers",
    "cluster_strategy",
    "is_worker",
    # to train in them
    "replicate",
    "is_chief",
    "chief_first",
]
