from functools import partial
from shutil import copytree, rmtree

import keras
import pytest

from fused_encoder import create_fused_encoder
from training import fit_encoder, recommended_encoder, train_encoder
from training.options import MinedTriplets, PairBatches, TrainingOptions


def small_encoder(seed=0):
    keras.utils.set_random_seed(seed)
    return create_fused_encoder(image_backbone="small_cnn", image_weights=None, seed=seed)


def frozen_encoder():
    keras.utils.set_random_seed(0)
    return recommended_encoder(
        image_backbone="small_cnn", image_weights=None, image_trainable="none", seed=0
    )


class StopIn(keras.callbacks.Callback):
    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise InterruptedError


def contents(media):
    return {file.content for file in (*media.images, *media.recordings)}


def test_the_history_has_loss_and_validation_of_every_epoch(trained, options):
    expected = {
        "loss",
        "embedding_loss",
        "class_cosines_loss",
        "embedding_spread",
        "val_ami",
        "val_nmi",
        "val_precision_at_1",
        "val_r_precision",
        "val_mean_average_precision_at_r",
    }
    assert set(trained.history) == expected
    assert {len(values) for values in trained.history.values()} == {options.epochs}


def test_what_is_held_out_was_not_trained_on_and_has_every_class(trained, aviary):
    assert not contents(trained.training) & contents(trained.held_out)
    for media in (trained.training, trained.held_out):
        assert media.class_names == aviary.class_names
        assert {file.class_index for file in media.images} == set(range(4))
        assert {file.class_index for file in media.recordings} == set(range(4))


def test_a_broken_photo_is_skipped_and_listed(trained):
    (skipped,) = trained.skipped
    assert skipped.path.name == "broken.jpg"
    assert skipped.reason


def test_held_out_folders_of_the_callers_are_used_whole(aviary, yamnet, store, monkeypatch):
    monkeypatch.setattr("training.fit.fit_encoder", lambda *_, **__: {})
    trained = train_encoder(
        aviary.images,
        aviary.audio,
        yamnet,
        held_out=(aviary.held_out_images, aviary.held_out_audio),
        encoder=small_encoder(),
        store=store,
        progress=False,
    )
    assert len(trained.training.images) == len(list(aviary.images.rglob("*.jpg")))
    assert len(trained.held_out.images) == len(list(aviary.held_out_images.rglob("*.jpg")))


def test_held_out_classes_that_are_not_trained_on_are_refused(aviary, yamnet, store, tmp_path):
    strange = aviary.class_names[0]
    for source, name in ((aviary.images, "images"), (aviary.audio, "audio")):
        copytree(source, tmp_path / name)
        rmtree(tmp_path / name / strange)
    with pytest.raises(ValueError, match=f"classes that are not trained on: '{strange}'"):
        train_encoder(
            tmp_path / "images",
            tmp_path / "audio",
            yamnet,
            held_out=(aviary.held_out_images, aviary.held_out_audio),
            encoder=small_encoder(),
            store=store,
        )


def test_held_out_files_of_a_source_that_is_trained_on_are_refused(aviary, yamnet, store):
    with pytest.raises(ValueError, match="is of the source 'monday'"):
        train_encoder(
            aviary.images,
            aviary.audio,
            yamnet,
            held_out=(aviary.held_out_images, aviary.held_out_audio),
            source_of=lambda path: "monday",
            store=store,
        )


def test_mined_triplets_are_trained_on_as_published(copied_aviary, yamnet, store):
    batches = MinedTriplets(num_triplets_per_class=4, remine_every=1)
    trained = train_encoder(
        *copied_aviary,
        yamnet,
        encoder=small_encoder(),
        options=TrainingOptions(batches, epochs=2, loss_mining=None, class_scale=None),
        store=store,
        progress=False,
    )
    assert len(trained.history["loss"]) == 2
    assert "class_cosines_loss" not in trained.history


def test_what_is_frozen_is_cached_without_changing_the_result(media, store):
    losses = []
    for cache_frozen in (True, False):
        encoder = frozen_encoder()
        how = TrainingOptions(
            PairBatches(4, 2, steps_per_epoch=3), epochs=2, augment=False, cache_frozen=cache_frozen
        )
        losses.append(fit_encoder(encoder, media, None, how, store=store, progress=False)["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)  # features are kept as float16


# CSVLogger leaves its file to the garbage collector when a fit breaks off.
@pytest.mark.filterwarnings(
    "ignore:unclosed file", "ignore::pytest.PytestUnraisableExceptionWarning"
)
def test_a_run_that_stopped_goes_on_and_leaves_no_backup(media, store, tmp_path):
    how = TrainingOptions(PairBatches(4, 2, steps_per_epoch=3), epochs=4)
    fit = partial(fit_encoder, held_out=None, options=how, store=store, progress=False)
    unbroken = fit(frozen_encoder(), media)["loss"]
    with pytest.raises(InterruptedError):
        fit(frozen_encoder(), media, backup_dir=tmp_path / "b", callbacks=[StopIn(epoch=2)])
    resumed = fit(frozen_encoder(), media, backup_dir=tmp_path / "b")["loss"]
    assert resumed == pytest.approx(unbroken, rel=1e-6)
    assert not (tmp_path / "b").exists()


def test_held_out_folders_that_are_the_training_folders_are_refused(aviary, yamnet, encoder, store):
    with pytest.raises(ValueError, match="are on both sides and would find themselves"):
        train_encoder(
            aviary.images,
            aviary.audio,
            yamnet,
            held_out=(aviary.images, aviary.audio),
            encoder=encoder,
            store=store,
            progress=False,
        )
