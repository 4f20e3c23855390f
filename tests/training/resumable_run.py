"""A training run that may be killed and started again.

`python resumable_run.py FOLDER EPOCH` kills itself in the middle of that epoch.
"""

import os
import signal
import sys
from pathlib import Path

import keras
import numpy as np

from fused_encoder import create_fused_encoder
from training import TripletLoss, create_triplet_model
from training.backup import read_history
from training.callbacks import SetEpoch
from triplets import Triplets
from triplets.pipeline import EpochCounter

EPOCHS = 5


class KilledIn(keras.callbacks.Callback):
    """Kills its own process in the middle of an epoch, as a power cut would."""

    def __init__(self, epoch: int) -> None:
        super().__init__()
        self._epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        self._is_due = epoch == self._epoch

    def on_train_batch_end(self, batch, logs=None):
        if self._is_due and batch == 1:
            os.kill(os.getpid(), signal.SIGKILL)


def train(folder: Path, *callbacks: keras.callbacks.Callback) -> dict:
    """Trains on the triplets in a folder, going on where an earlier run was killed."""
    triplets = Triplets.load(folder / "triplets")
    keras.utils.set_random_seed(0)
    layers = [keras.Input((224, 224, 3)), keras.layers.AveragePooling2D(32)]
    eye = keras.Sequential([*layers, keras.layers.Conv2D(8, 3, activation="relu")])
    model = create_triplet_model(create_fused_encoder(image_backbone=eye, modality_dropout=0.5))
    rate = keras.optimizers.schedules.CosineDecay(1e-4, 18, warmup_target=1e-3, warmup_steps=2)
    model.compile(keras.optimizers.Adam(rate, global_clipnorm=1.0), TripletLoss(mining="hard"))
    counter = EpochCounter()
    dataset = triplets.to_dataset(4, augment=True, epoch=counter)
    history = keras.callbacks.CSVLogger(folder / "history.csv", append=True)
    backup = keras.callbacks.BackupAndRestore(folder / "backup", double_checkpoint=True)
    every = [history, backup, SetEpoch(counter), *callbacks]
    model.fit(dataset, epochs=EPOCHS, callbacks=every, verbose=0)
    weights = np.concatenate([weight.ravel() for weight in model.get_weights()])
    return {
        "history": read_history(folder / "history.csv"),
        "weights": weights,
        "rate": float(model.optimizer.learning_rate),
    }


if __name__ == "__main__":
    train(Path(sys.argv[1]), KilledIn(int(sys.argv[2])))
