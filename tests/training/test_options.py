import pytest

from training.options import MinedTriplets, PairBatches, TrainingOptions

OF_VERSION_0_1 = {
    "num_triplets_per_class": 40,
    "epochs": 3,
    "batch_size": 16,
    "learning_rate": 1e-3,
    "margin": 0.2,
    "mining": "hard",
    "loss_mining": None,
    "augment": True,
    "audio_seconds": 5.0,
    "max_audio_seconds": 30.0,
    "held_out_fraction": 0.25,
    "seed": 3,
}


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("epochs", 0, ">= 1"),
        ("seed", -1, ">= 0"),
        ("learning_rate", 0.0, "> 0"),
        ("margin", -0.2, "> 0"),
        ("class_scale", 0.0, "> 0"),
        ("audio_seconds", float("nan"), "> 0"),
        ("held_out_fraction", 1.0, r"in \(0, 1\)"),
        ("heard_seconds", 1.0, r">= audio_seconds \(5.0\)"),
        ("heard_seconds", float("inf"), r">= audio_seconds \(5.0\)"),
    ],
)
def test_options_out_of_range_are_refused(name, value, expected):
    with pytest.raises(ValueError, match=f"Expected {name} {expected}, received {value}"):
        TrainingOptions(**{name: value})


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        (PairBatches, "classes_per_batch", 1),
        (PairBatches, "pairs_per_class", 1),
        (PairBatches, "steps_per_epoch", 0),
        (MinedTriplets, "batch_size", 0),
        (MinedTriplets, "num_triplets_per_class", -1),
        (MinedTriplets, "mine_again_every", 0),
    ],
)
def test_batches_out_of_range_are_refused(kind, name, value):
    with pytest.raises(ValueError, match=f"Expected {name} >= [12], received {value}"):
        kind(**{name: value})


def test_pairs_need_mining_in_the_batch():
    with pytest.raises(ValueError, match=r"batches are of pairs. Choose a way of mining"):
        TrainingOptions(loss_mining=None)


@pytest.mark.parametrize("batches", [PairBatches(7, 3), MinedTriplets(mine_again_every=2)])
def test_options_survive_a_file(batches):
    options = TrainingOptions(batches, epochs=3, heard_seconds=30.0)
    assert TrainingOptions.from_dict(options.to_dict()) == options


def test_options_of_version_0_1_are_of_mined_triplets():
    options = TrainingOptions.from_dict(OF_VERSION_0_1)
    assert options.batches == MinedTriplets(40, 16, "hard")
    assert (options.epochs, options.seed, options.class_scale) == (3, 3, None)


def test_so_many_windows_are_heard_as_a_recording_has():
    assert TrainingOptions(audio_seconds=5.0, max_audio_seconds=30.0).max_windows == 6
    assert TrainingOptions(heard_seconds=30.0, max_audio_seconds=30.0).max_windows == 1


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: TrainingOptions(loss_mining="hardest"), "loss_mining"),
        (lambda: PairBatches(sampling="balanced"), "sampling"),
        (lambda: MinedTriplets(mining="semihard"), "mining"),
    ],
)
def test_choices_that_do_not_exist_are_refused_before_any_work(make, name):
    with pytest.raises(ValueError, match=f"Expected {name} to be one of"):
        make()
