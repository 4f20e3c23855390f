"""Train an encoder with plain Keras: compile, fit, and the callbacks that Keras users expect.

    python examples/train_with_callbacks.py --out run

Half a minute on generated birds. Killed and started again, it goes on where it was. With `pip install
tensorboard` its curves and its embeddings are to be seen with `tensorboard --logdir run/logs`.
"""

import argparse
from importlib.util import find_spec
from pathlib import Path

import keras

from aviary import write_aviary
from fused_encoder import LogMelFeatures, create_fused_encoder
from fused_encoder.encoder import load_encoder
from training import TripletLoss, create_triplet_model, read_history
from training.callbacks import (
    EmbeddingProjector,
    EncoderCheckpoint,
    RetrievalValidation,
    SetEpoch,
)
from triplets import prepare_media, prepare_triplets, scan_folders
from triplets.pipeline import EpochCounter

BATCH_SIZE = 8
WATCHED = "val_mean_average_precision_at_r"  # finer than precision at 1


def main(out: Path, epochs: int) -> None:
    """Trains on sample birds; writes the best encoder, the history and TensorBoard's logs."""
    keras.utils.set_random_seed(0)  # the same seed gives the same losses

    # Your own folders of classes go here; and load_yamnet() in place of its stand-in.
    birds = write_aviary(out / "birds", size="tiny")
    yamnet = LogMelFeatures()
    triplets = prepare_triplets(birds.images, birds.audio, yamnet, 10, mining="semi-hard")
    held_out = prepare_media(
        scan_folders(birds.held_out_images, birds.held_out_audio, min_sources_per_class=1), yamnet
    )

    encoder = create_fused_encoder(image_backbone="small_cnn", image_weights=None)
    model = create_triplet_model(encoder)
    steps = epochs * -(-len(triplets) // BATCH_SIZE)
    rate = keras.optimizers.schedules.CosineDecay(
        1e-4, steps - steps // 10, warmup_target=1e-3, warmup_steps=steps // 10
    )
    model.compile(
        optimizer=keras.optimizers.Adam(rate, global_clipnorm=1.0),
        loss=TripletLoss(margin=0.2, mining="semi-hard"),
    )

    epoch = EpochCounter()
    dataset = triplets.to_dataset(BATCH_SIZE, augment=True, epoch=epoch)
    validation = RetrievalValidation(encoder, triplets.media, held_out)
    history = out / "history.csv"
    best_before = max(read_history(history).get(WATCHED, [0.0])) if history.is_file() else None
    callbacks = [
        validation,  # first: the others look at what it logs
        keras.callbacks.EarlyStopping(WATCHED, mode="max", patience=5, restore_best_weights=True),
        EncoderCheckpoint(
            out / "best.keras", encoder, monitor=WATCHED, initial_value_threshold=best_before
        ),
        EmbeddingProjector(out / "logs", encoder, held_out, every=2),
        # Before the backup: whatever is backed up is in the history too.
        keras.callbacks.CSVLogger(history, append=True),
        keras.callbacks.BackupAndRestore(out / "backup", double_checkpoint=True),
        SetEpoch(epoch),
    ]
    if find_spec("tensorboard"):
        callbacks.insert(1, keras.callbacks.TensorBoard(out / "logs"))

    model.fit(dataset, epochs=epochs, callbacks=callbacks, verbose=2, shuffle=False)

    # To choose by these files flatters the figures: for publication keep a further split.
    best = load_encoder(out / "best.keras")
    figures = RetrievalValidation(best, triplets.media, held_out).metrics()
    for name, figure in figures.items():
        print(f"{name:>30} {figure:.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("run"), help="folder for all results")
    parser.add_argument("--epochs", type=int, default=6)
    arguments = parser.parse_args()
    main(arguments.out, arguments.epochs)
