import pytest

from training.options import MinedTriplets, PairBatches, TrainingOptions


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("epochs", 0, ">= 1"),
        ("seed", -1, ">= 0"),
        ("learning_rate", 0.0, "> 0"),
        ("margin", -0.2, "> 0"),
        ("class_scale", 0.0, "> 0"),
        ("class_margin", 1.6, r"in \[0, π / 2\) \(radians\)"),
        ("audio_seconds", float("nan"), "> 0"),
        ("held_out_fraction", 1.0, r"in \(0, 1\)"),
        ("audio_window_seconds", 1.0, r">= audio_seconds \(5.0\)"),
        ("audio_window_seconds", float("inf"), r">= audio_seconds \(5.0\)"),
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
        (MinedTriplets, "remine_every", 0),
    ],
)
def test_batches_out_of_range_are_refused(kind, name, value):
    with pytest.raises(ValueError, match=f"Expected {name} >= [12], received {value}"):
        kind(**{name: value})


def test_pairs_need_mining_in_the_batch():
    with pytest.raises(ValueError, match=r"batches are of pairs. Choose a way of mining"):
        TrainingOptions(loss_mining=None)


@pytest.mark.parametrize("batches", [PairBatches(7, 3), MinedTriplets(remine_every=2)])
def test_options_survive_a_file(batches):
    options = TrainingOptions(batches, epochs=3, audio_window_seconds=30.0)
    assert TrainingOptions.from_dict(options.to_dict()) == options


def test_fine_tuning_takes_arcface_and_what_else_is_asked_for():
    options = TrainingOptions.fine_tuning(epochs=3, class_margin=0.1)
    assert options.class_scale > TrainingOptions().class_scale
    assert options.learning_rate < TrainingOptions().learning_rate
    assert (options.epochs, options.class_margin) == (3, 0.1)


def test_so_many_windows_are_heard_as_a_recording_has():
    assert TrainingOptions(audio_seconds=5.0, max_audio_seconds=30.0).max_windows == 6
    assert TrainingOptions(audio_window_seconds=30.0, max_audio_seconds=30.0).max_windows == 1


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
