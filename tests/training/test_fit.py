from functools import partial
from shutil import copytree, rmtree

import keras
import pytest

from tests.training.conftest import frozen_encoder, new_encoder
from training import fit_encoder, train_encoder
from training.options import MinedTriplets, PairBatches, TrainingOptions


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
    fitted = {"loss", "embedding_loss", "class_cosines_loss", "embedding_spread"}
    measures = ("ami", "nmi", "precision_at_1", "r_precision", "mean_average_precision_at_r")
    assert set(trained.history) == fitted | {f"val_{measure}" for measure in measures}
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
    held_out = (aviary.held_out_images, aviary.held_out_audio)
    options = {"encoder": new_encoder(), "store": store, "progress": False}
    trained = train_encoder(aviary.images, aviary.audio, yamnet, held_out=held_out, **options)
    assert len(trained.training.images) == len(list(aviary.images.rglob("*.jpg")))
    assert len(trained.held_out.images) == len(list(aviary.held_out_images.rglob("*.jpg")))


def test_held_out_classes_that_are_not_trained_on_are_refused(aviary, yamnet, store, tmp_path):
    strange, kept = aviary.class_names[0], []
    for source, name in ((aviary.images, "images"), (aviary.audio, "audio")):
        kept.append(copytree(source, tmp_path / name))
        rmtree(tmp_path / name / strange)
    held_out = (aviary.held_out_images, aviary.held_out_audio)
    with pytest.raises(ValueError, match=f"classes that are not trained on: '{strange}'"):
        train_encoder(*kept, yamnet, held_out=held_out, encoder=new_encoder(), store=store)


def test_held_out_files_or_sources_that_are_trained_on_are_refused(aviary, yamnet, store):
    known, new = (aviary.images, aviary.audio), (aviary.held_out_images, aviary.held_out_audio)
    with pytest.raises(ValueError, match="is of the source 'monday'"):
        train_encoder(*known, yamnet, held_out=new, source_of=lambda path: "monday", store=store)
    options = {"encoder": new_encoder(), "store": store, "progress": False}
    with pytest.raises(ValueError, match="are on both sides and would find themselves"):
        train_encoder(*known, yamnet, held_out=known, **options)


def test_mined_triplets_are_trained_on_as_published(copied_aviary, yamnet, store):
    batches = MinedTriplets(num_triplets_per_class=4, remine_every=1)
    how = TrainingOptions(batches, epochs=2, loss_mining=None, class_scale=None)
    options = {"encoder": new_encoder(), "options": how, "store": store, "progress": False}
    trained = train_encoder(*copied_aviary, yamnet, **options)
    assert len(trained.history["loss"]) == 2
    assert "class_cosines_loss" not in trained.history


def test_what_is_frozen_is_cached_without_changing_the_result(media, store):
    losses = []
    batches = PairBatches(4, 2, steps_per_epoch=3)
    for cache_frozen in (True, False):
        how = TrainingOptions(batches, epochs=2, augment=False, cache_frozen=cache_frozen)
        fitted = fit_encoder(frozen_encoder(), media, None, how, store=store, progress=False)
        losses.append(fitted["loss"])
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
