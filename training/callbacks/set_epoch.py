"""Epoch by epoch: what is random in an epoch depends on the seed and the epoch alone."""

import keras

from triplets.pipeline import EpochCounter

DRAWS_PER_EPOCH = 2**20  # more than a layer draws in one epoch
NUM_EPOCHS = 2**11  # then the draws begin anew: TensorFlow looks at 31 bits


class SetEpoch(keras.callbacks.Callback):
    """Makes epoch e of a run the same, wherever the run began: batches, dropout and all.

    A run that was killed and restored by `keras.callbacks.BackupAndRestore`, or that starts at
    `initial_epoch`, so has the loss curve of an unbroken one. As each epoch begins this sets the
    counters of datasets (Keras makes iterators ahead of time and throws some away) and the seeds of
    dropout (Keras' checkpoints leave them out). Call `keras.utils.set_random_seed` before the model is
    created, and leave `steps_per_epoch` of `fit` unset: with fewer steps than the dataset has, Keras
    goes on with the old iterator.

    Args:
        counters: those that the datasets were given, see `Triplets.to_dataset` and `pair_batches`.
    """

    def __init__(self, *counters: EpochCounter) -> None:
        super().__init__()
        self._counters = counters

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Sets the counters and the seeds of dropout."""
        for counter in self._counters:
            counter.hold(epoch)
        for variable in self.model.variables:
            if variable.name == "seed_generator_state":  # [the seed it was made with, draws so far]
                seed = variable.numpy()[0]
                variable.assign([seed, epoch % NUM_EPOCHS * DRAWS_PER_EPOCH])

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        """Lets the counters go on by themselves."""
        for counter in self._counters:
            counter.release()
