import pytest

from training.options import MinedTriplets, PairBatches, TrainingOptions


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
