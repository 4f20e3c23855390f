import pytest

from training.options import MinedTriplets, PairBatches, TrainingOptions


@pytest.mark.parametrize("batches", [PairBatches(7, 3), MinedTriplets(remine_every=2)])
def test_options_survive_a_file(batches):
    options = TrainingOptions(batches, epochs=3, audio_window_seconds=30.0)
    assert TrainingOptions.from_dict(options.to_dict()) == options


def test_so_many_windows_are_heard_as_a_recording_has():
    assert TrainingOptions(audio_seconds=5.0, max_audio_seconds=30.0).max_windows == 6
    assert TrainingOptions(audio_window_seconds=30.0, max_audio_seconds=30.0).max_windows == 1
