"""The model that is fitted under a `tf.distribute` strategy: several replicas that learn as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import keras
import tensorflow as tf

from training.workers.callbacks import callbacks_of_worker
from training.workers.replica_copy import GiveBack, ReplicaCopy

SUM, MEAN = tf.distribute.ReduceOp.SUM, tf.distribute.ReduceOp.MEAN


class ReplicaModel(keras.Model):
    """A functional model whose `fit` learns the same from a batch, however many replicas share it.

    `replicate` makes it. A `keras.Model` differs under a strategy in ways that are mended here: with
    several workers its `fit` does not run at all (https://github.com/keras-team/keras/issues/20585);
    gradients are clipped in each replica before they are added up; where a batch does not divide
    evenly, items of a smaller share count for more; and every worker runs every callback. `predict`
    is Keras' own.

    Args:
        inputs: of a functional model, such as `model.input`.
        outputs: of the same one; its layers and weights are shared, not copied.
        name: str.
    """

    replica_copy: ReplicaCopy  # what is trained, and where it comes from; set by `replicate`
    train_function: Callable | None  # Keras', without a type
    test_function: Callable | None

    def fit(
        self,
        x: tf.data.Dataset,
        *args: object,
        callbacks: Sequence[keras.callbacks.Callback] | None = None,
        **kwargs: object,
    ) -> keras.callbacks.History:
        """As in Keras; `x` is of global batches, and `callbacks_of_worker` says which callbacks run.

        The encoder that the model was made of gets the new weights as each epoch begins and ends and
        when training is over: callbacks that were given it validate and save it as in one process.
        """
        here = callbacks_of_worker(callbacks or (), self.distribute_strategy)
        every = [GiveBack(self.replica_copy), *here]
        history = super().fit(_shared_out_by_item(x), *args, callbacks=every, **kwargs)
        self.replica_copy.give_back()
        return history

    def train_step(self, data: tuple) -> dict[str, tf.Tensor]:
        """One replica's part of a step: `data` is its share of the batch."""
        with tf.GradientTape() as tape:
            loss, logs = self._loss_of_share(data, training=True)
            objective = self.optimizer.scale_loss(loss)
        gradients = tape.gradient(objective, self.trainable_variables)
        self.optimizer.apply(_sums(gradients), self.trainable_variables)
        return logs

    def test_step(self, data: tuple) -> dict[str, tf.Tensor]:
        """One replica's part of a step of validation."""
        return self._loss_of_share(data, training=False)[1]

    def _loss_of_share(self, data: tuple, *, training: bool) -> tuple[tf.Tensor, dict]:
        """What a replica adds to the loss of the batch (the mean over all its items), and what it logs."""
        inputs, labels, weights = keras.utils.unpack_x_y_sample_weight(data)
        context = tf.distribute.get_replica_context()
        num_items = tf.shape(keras.tree.flatten(inputs)[0])[0]
        mean_items = context.all_reduce(MEAN, tf.cast(num_items, tf.float32))
        share = tf.cast(num_items, tf.float32) / mean_items  # 1 where all replicas have as many
        outputs = self(inputs, training=training)
        counting_alike = _weighted(weights, share, num_items)
        loss = self.compute_loss(inputs, labels, outputs, counting_alike, training=training)
        # Keras has divided the loss by the number of replicas, so that the sum of all is the mean.
        mean = loss * context.num_replicas_in_sync
        self._loss_tracker.update_state(mean, sample_weight=mean_items)
        return loss, self.compute_metrics(inputs, labels, outputs, sample_weight=weights)

    def make_train_function(self, force: bool = False) -> None:
        """Keras calls it before the first epoch."""
        if self.train_function is None or force:
            _take_gradients_as_they_are(self.optimizer)
            self.train_function = self._on_all_replicas(self.train_step)

    def make_test_function(self, force: bool = False) -> None:
        """Keras calls it before the first validation."""
        if self.test_function is None or force:
            self.test_function = self._on_all_replicas(self.test_step)

    def _on_all_replicas(
        self, step: Callable[[tuple], Mapping[str, tf.Tensor]]
    ) -> Callable[[tf.distribute.DistributedIterator], dict[str, tf.Tensor]]:
        """The mean of what a step logs in each replica; alike in all, as callbacks expect."""
        if self.steps_per_execution != 1:
            raise ValueError(
                f"Expected steps_per_execution=1 under a strategy, received {self.steps_per_execution}."
            )
        strategy = self.distribute_strategy
        names: list[str] = []  # known when the step is traced

        def values(data: tuple) -> tf.Tensor:
            logs = step(data)
            names[:] = logs
            return tf.stack([tf.cast(value, tf.float32) for value in logs.values()])

        def run(iterator: tf.distribute.DistributedIterator) -> dict[str, tf.Tensor]:
            per_replica = strategy.run(values, args=(next(iterator),))
            means = strategy.reduce("MEAN", per_replica, axis=None)
            return dict(zip(names, tf.unstack(means, len(names)), strict=True))

        return run if self.run_eagerly else tf.function(run, reduce_retracing=True)

    def _maybe_symbolic_build(
        self, iterator: keras.src.trainers.epoch_iterator.EpochIterator | None = None, **_: object
    ) -> None:
        """Makes what is still to be made (metrics, the optimizer's variables) before the first step.

        Keras would do it with a batch, which it cannot get of several workers; what the batches look
        like is enough.
        """
        if iterator is None:
            super()._maybe_symbolic_build(**_)
            return
        with self.distribute_strategy.scope():
            self._symbolic_build(data_batch=iterator.data_adapter.get_tf_dataset().element_spec)


def _shared_out_by_item(dataset: tf.data.Dataset) -> tf.data.Dataset:
    """Each worker reads all batches and keeps its part of each, never some of the batches or files."""
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    return dataset.with_options(options)


def _weighted(weights: object, share: tf.Tensor, num_items: tf.Tensor) -> object:
    """Weights by which the mean over a replica's items counts for as much as the replica has items."""
    if weights is None:
        return tf.fill([num_items], share)
    return keras.tree.map_structure(lambda weight: tf.cast(weight, tf.float32) * share, weights)


def _sums(gradients: list[tf.Tensor | None]) -> list[tf.Tensor | None]:
    """The gradients summed over replicas; None where the loss does not depend on a weight."""
    context = tf.distribute.get_replica_context()
    sums = iter(context.all_reduce(SUM, [g for g in gradients if g is not None]))
    return [None if gradient is None else next(sums) for gradient in gradients]


def _take_gradients_as_they_are(optimizer: keras.optimizers.Optimizer) -> None:
    """Keeps an optimizer from adding up over replicas what has been added up before it was clipped."""
    inner = getattr(
        optimizer, "inner_optimizer", optimizer
    )  # of the scaled loss of mixed precision
    if not hasattr(inner, "_all_reduce_sum_gradients"):
        raise RuntimeError(
            f"Keras {keras.__version__} adds up gradients in another place than this version of "
            "fused-encoder knows. Train without a strategy, or use an earlier Keras."
        )
    inner._all_reduce_sum_gradients = list
