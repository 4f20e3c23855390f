"""Which callbacks run in which worker of a cluster."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import tensorflow as tf

from training.callbacks import HistoryFile, ProgressBar
from training.projector import EmbeddingProjector
from training.workers.chief import any_worker, chief_first, is_chief, num_workers

FOR_CHIEF = (
    keras.callbacks.CSVLogger,
    keras.callbacks.ModelCheckpoint,  # and EncoderCheckpoint
    keras.callbacks.ProgbarLogger,
    keras.callbacks.RemoteMonitor,
    keras.callbacks.TensorBoard,
    EmbeddingProjector,
    HistoryFile,
    ProgressBar,
)


def callbacks_of_worker(
    callbacks: Sequence[keras.callbacks.Callback], strategy: tf.distribute.Strategy | None
) -> list[keras.callbacks.Callback]:
    """The callbacks that this worker runs, of those given to all.

    Those that write or show something run in the chief only. `BackupAndRestore` restores in every worker
    and backs up in the chief: its folder must be on a disk that all workers see. All others run in
    every worker, so that each comes to the same decisions (validation, early stopping, mining again);
    should one worker stop even so, all stop with it.

    Args:
        callbacks: as given to `fit` in one process.
        strategy: that of the workers. With one worker the callbacks are returned as they are.
    """
    if num_workers(strategy) == 1:
        return list(callbacks)
    running = [
        _SharedBackup(callback, strategy)
        if isinstance(callback, keras.callbacks.BackupAndRestore)
        else callback
        for callback in callbacks
        if is_chief(strategy) or not isinstance(callback, FOR_CHIEF)
    ]
    return [*running, _StopTogether(strategy)]


class _StopTogether(keras.callbacks.Callback):
    """If one worker stops after an epoch all do: a worker that went on would wait for the others for ever."""

    def __init__(self, strategy: tf.distribute.Strategy) -> None:
        super().__init__()
        self._strategy = strategy

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self.model.stop_training = any_worker(self._strategy, self.model.stop_training)


class _SharedBackup(keras.callbacks.Callback):
    """A `BackupAndRestore` that all workers restore from, and that only the chief writes."""

    def __init__(
        self, backup: keras.callbacks.BackupAndRestore, strategy: tf.distribute.Strategy
    ) -> None:
        super().__init__()
        self._backup = backup
        self._strategy = strategy

    def set_model(self, model: keras.Model) -> None:
        super().set_model(model)
        self._backup.set_model(model)

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        with chief_first(self._strategy):  # which may mend a backup that was broken off
            self._backup.on_train_begin(logs)
        self._refuse_different_epochs()

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:
        if is_chief(self._strategy):
            self._backup.on_train_batch_end(batch, logs)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if is_chief(self._strategy):
            self._backup.on_epoch_end(epoch, logs)

    def on_train_end(self, logs: dict[str, float] | None = None) -> None:
        if is_chief(self._strategy):
            self._backup.on_train_end(logs)

    def _refuse_different_epochs(self) -> None:
        epoch = tf.constant(float(self.model._initial_epoch or 0))
        mean = float(self._strategy.reduce("MEAN", epoch, axis=None))
        if any_worker(self._strategy, mean != float(epoch)):
            raise ValueError(
                f"The workers would go on from different epochs: this one has found epoch {int(epoch)} in "
                f"'{self._backup.backup_dir}', the mean is {mean:g}. Put the backup where all workers "
                "see the same folder, or remove it in all of them to begin anew."
            )
