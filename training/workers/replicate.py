"""Training under a `tf.distribute` strategy: the devices of a machine, or several workers, learn as one."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf

from training.workers.replica_copy import copy_for_replicas
from training.workers.replica_model import ReplicaModel


def replicate(
    create_model: Callable[[keras.Model], keras.Model],
    encoder: keras.Model,
    strategy: tf.distribute.Strategy | None,
) -> keras.Model:
    """A compiled model around an encoder, whose `fit` gives what one process gives at the same batches.

    Without a strategy that is `create_model(encoder)`. Under one (`MirroredStrategy`: the devices of a
    machine; `MultiWorkerMirroredStrategy`: several processes, see `cluster_strategy`) it is made around
    a copy of the encoder inside the strategy's scope: BatchNorm and the losses see the global batch,
    dropout draws for the global batch, gradients are clipped after they are added up, and all items of
    a batch count alike. `fit` brings the weights back to the encoder, see `ReplicaModel`.

    Every worker calls this and `fit` with the same arguments, after the same
    `keras.utils.set_random_seed`. Each reads the whole of every batch and keeps its part, so datasets
    must give all workers the same: pass `FollowEpoch` to `fit`, for iterators are made and thrown away.

    Results differ from those of one process by rounding, which training enlarges: so does another
    number of threads. Other draws than in one process have layers that draw inside of a
    `keras.Sequential` or of an RNN; and with several devices *and* several workers, all that draw.

    Make one strategy in a process and use it for all that follows; TensorFlow confuses two.

    Args:
        create_model: encoder -> compiled model around it, with an optimizer and losses of its own. It is
            called inside the strategy's scope. `steps_per_execution` must be 1.
        encoder: functional; the whole encoder, or the head behind a frozen trunk, made in the scope or
            outside.
        strategy: None trains in this process alone.

    Raises:
        ValueError: the encoder is not functional, or the model is not compiled.
        TypeError: the strategy is none.
    Example:
        >>> strategy = cluster_strategy()
        >>> model = replicate(create_compiled_model, encoder, strategy)
        >>> model.fit(dataset, epochs=10, callbacks=[FollowEpoch(counter), checkpoint])
    """
    if strategy is None:
        return create_model(encoder)
    if not isinstance(strategy, tf.distribute.Strategy):
        raise TypeError(
            "Expected strategy to be a tf.distribute.Strategy, such as tf.distribute.MirroredStrategy(), "
            f"received {strategy!r}."
        )
    with strategy.scope():
        copy = copy_for_replicas(encoder)
        model = create_model(copy.model)
        if not model.compiled:
            raise ValueError(f"Expected create_model to compile its model '{model.name}'.")
        replicas = ReplicaModel(model.input, model.output, name=model.name)
        replicas.dtype_policy = (
            model.dtype_policy
        )  # by which Keras decides whether to scale the loss
        replicas.compile(**model._compile_config.config)  # the very objects, not copies
    replicas.replica_copy = copy
    return replicas
