from shutil import copytree, rmtree

import keras
import pytest

from fused_encoder import create_fused_encoder
from training import train_encoder
from training.fit import TrainingOptions


def small_encoder(seed=0):
    keras.utils.set_random_seed(seed)
    return create_fused_encoder(image_backbone="small_cnn", image_weights=None, seed=seed)


def contents(media):
    return {file.content for file in (*media.images, *media.recordings)}


def test_the_history_has_loss_and_validation_of_every_epoch(trained, options):
    expected = {
        "loss",
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


def test_the_same_seed_gives_the_same_losses(trained, copied_aviary, yamnet, store, options):
    again = train_encoder(
        *copied_aviary,
        yamnet,
        encoder=small_encoder(),
        options=options,
        store=store,
        progress=False,
    )
    assert again.history["loss"] == pytest.approx(trained.history["loss"], rel=1e-3)


def test_held_out_folders_of_the_callers_are_used_whole(aviary, yamnet, store, monkeypatch):
    monkeypatch.setattr("training.fit.fit_triplets", lambda *_, **__: {})
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


def test_held_out_folders_of_other_classes_are_refused(aviary, yamnet, store, tmp_path):
    missing = aviary.class_names[0]
    for source, name in ((aviary.held_out_images, "images"), (aviary.held_out_audio, "audio")):
        copytree(source, tmp_path / name)
        rmtree(tmp_path / name / missing)
    with pytest.raises(ValueError, match=f"must hold the classes of .* but {missing} are on one"):
        train_encoder(
            aviary.images,
            aviary.audio,
            yamnet,
            held_out=(tmp_path / "images", tmp_path / "audio"),
            encoder=small_encoder(),
            store=store,
        )


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("epochs", 0, ">= 1"),
        ("batch_size", 0, ">= 1"),
        ("num_triplets_per_class", -1, ">= 1"),
        ("learning_rate", 0.0, "> 0"),
        ("margin", -0.2, "> 0"),
        ("audio_seconds", float("nan"), "> 0"),
    ],
)
def test_options_out_of_range_are_refused_before_any_work(name, value, expected):
    with pytest.raises(ValueError, match=f"Expected {name} {expected}, received {value}"):
        TrainingOptions(**{name: value})


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
