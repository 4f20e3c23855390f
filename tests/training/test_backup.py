from dataclasses import replace
from pathlib import Path

import keras
import pytest

from tests.training.conftest import frozen_encoder
from training import TrainingOptions
from training.backup import RunBackup, read_history

OPTIONS = TrainingOptions()


@pytest.fixture
def backup(triplets, tmp_path):
    first = frozen_encoder()

    def of(media=triplets.media, held_out=None, encoder=first):
        return RunBackup(tmp_path, OPTIONS, media, held_out=held_out, encoder=encoder)

    return of


def test_an_encoder_goes_on_with_a_backup_of_its_own_though_it_was_trained_meanwhile(backup):
    encoder = frozen_encoder()
    backup(encoder=encoder)
    for weight in encoder.trainable_weights:
        weight.assign(weight + 1.0)
    backup(encoder=encoder)
    backup(encoder=frozen_encoder())  # its layers have other numbers


@pytest.mark.parametrize(
    "changes",
    [{"photo_views": "one"}, {"modality_dropout": 0.1}, {"seed": 1}],
    ids=["another trunk before a head of the same shape", "another rate", "other frozen weights"],
)
def test_the_backup_of_another_encoder_is_refused(backup, changes):
    backup(encoder=frozen_encoder())
    with pytest.raises(ValueError, match="unfinished run that differs in its encoder"):
        backup(encoder=frozen_encoder(**changes))


def test_features_of_another_yamnet_are_another_run(backup, triplets):
    backup()
    heard_otherwise = tuple(
        replace(file, feature_path=Path(f"{file.content}-another.npy"))
        for file in triplets.media.recordings
    )
    with pytest.raises(ValueError, match="differs in its training files"):
        backup(replace(triplets.media, recordings=heard_otherwise))


def test_validation_on_other_files_is_another_run(backup, triplets):
    backup(held_out=triplets.media)
    fewer = replace(triplets.media, images=triplets.media.images[1:])
    with pytest.raises(ValueError, match="differs in its held out files"):
        backup(held_out=fewer)


def test_the_history_is_whole_though_epochs_were_logged_twice_in_a_killed_run(tmp_path):
    for epochs, loss in (((0, 1, 2), 1.0), ((2, 3), 0.5)):
        logger = keras.callbacks.CSVLogger(tmp_path / "history.csv", append=True)
        logger.set_model(keras.Sequential())
        logger.on_train_begin()
        for epoch in epochs:
            logger.on_epoch_end(epoch, {"loss": loss + epoch, "val_ami": 0.1})
        logger.csv_file.close()
    whole = {"loss": [1.0, 2.0, 2.5, 3.5], "val_ami": [0.1] * 4}
    assert read_history(tmp_path / "history.csv") == whole
