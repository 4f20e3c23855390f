"""A training run of one process, of two workers, or of two devices, which all learn the same.

`python worker_run.py FOLDER` trains on the triplets in a folder, as a worker where TF_CONFIG says so,
else on two logical devices, and leaves there what became of the encoder.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from fused_encoder import create_fused_encoder
from training.callbacks import EncoderCheckpoint, HistoryFile
from training.epochs import FollowEpoch
from training.objective import create_training_model, with_targets
from training.options import PairBatches, TrainingOptions
from training.workers.cluster import cluster_strategy
from training.workers.replicate import replicate
from triplets import Triplets
from triplets.epochs import EpochCounter
from triplets.pair_batches import pair_batches

# Nine pairs, which two replicas cannot share evenly; a hard triplet loss and a class loss.
BATCHES = PairBatches(classes_per_batch=3, pairs_per_class=3, steps_per_epoch=3)
OPTIONS = TrainingOptions(BATCHES, epochs=2, learning_rate=5e-4, loss_mining="hard")


def new_encoder() -> keras.Model:
    """With all that looks at the whole batch, or draws: BatchNorm, dropout, hidden modalities."""
    keras.utils.set_random_seed(0)
    photo = keras.Input((224, 224, 3))
    seen = keras.layers.Conv2D(8, 3)(keras.layers.AveragePooling2D(32)(photo))
    seen = keras.layers.Dropout(0.3)(keras.layers.BatchNormalization()(seen))
    return create_fused_encoder(image_backbone=keras.Model(photo, seen), modality_dropout=0.5)


def train(folder: Path, strategy: tf.distribute.Strategy | None, output: Path) -> None:
    """Trains, and leaves in `output` what this process has at the end; the backup beside it, for all."""
    media = Triplets.load(folder / "triplets").media
    encoder, counter = new_encoder(), EpochCounter()
    output.mkdir(parents=True)
    model = replicate(
        lambda inner: create_training_model(inner, len(media.class_names), OPTIONS, total_steps=6),
        encoder,
        strategy,
    )
    dataset = pair_batches(
        media,
        classes_per_batch=BATCHES.classes_per_batch,
        pairs_per_class=BATCHES.pairs_per_class,
        steps_per_epoch=BATCHES.steps_per_epoch,
        augment=True,
        epoch=counter,
    )
    callbacks = [
        FollowEpoch(counter),
        HistoryFile(output / "history.json"),
        EncoderCheckpoint(output / "encoder.keras", encoder, save_best_only=False),
        keras.callbacks.BackupAndRestore(output.parent / "backup"),
    ]
    fitted = model.fit(
        with_targets(dataset, model),
        epochs=OPTIONS.epochs,
        callbacks=callbacks,
        verbose=0,
        shuffle=False,
    )
    np.savez(output / "weights.npz", *encoder.get_weights())
    (output / "result.json").write_text(json.dumps(fitted.history))


if __name__ == "__main__":
    folder, strategy = Path(sys.argv[1]), cluster_strategy()
    if strategy is not None:
        train(folder, strategy, folder / "workers" / f"{strategy.cluster_resolver.task_id}")
    else:
        cpu = tf.config.list_physical_devices("CPU")[0]
        halves = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(cpu, halves)
        train(folder, tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]), folder / "devices" / "0")
