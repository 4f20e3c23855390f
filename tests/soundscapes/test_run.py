"""A sound classifier on disk, and what is said where it cannot be used."""

import json
from dataclasses import replace

import numpy as np
import pytest

from fused_encoder import load_front_end
from soundscapes import (
    SoundClassifier,
    SoundTraining,
    create_sound_classifier,
    load_classifier,
    save_sound_run,
)
from soundscapes.mel_settings import MelSettings
from soundscapes.recordings import LabelledRecording, LabelledRecordings
from soundscapes.run import HearingSource, load_sound_run
from soundscapes.train import TrainedSoundClassifier


@pytest.fixture
def saved(tmp_path):
    front_end = load_front_end("log_mel")
    network = create_sound_classifier(2, front_end)
    classifier = SoundClassifier(network, front_end, ("robin", "wren"), 10)
    one = LabelledRecording(tmp_path / "a.wav", 0, (1,), "tape", 4.5, (47.0, 8.5))
    side = LabelledRecordings(("robin", "wren"), (one,))
    trained = TrainedSoundClassifier(classifier, {"loss": [0.5]}, ())
    hearing = HearingSource("log_mel")
    save_sound_run(tmp_path / "run", trained, SoundTraining(), side, side, hearing)
    return tmp_path / "run", classifier, side


def test_it_says_the_same_after_saving_and_knows_its_recordings(saved):
    folder, classifier, side = saved
    run = load_sound_run(folder)
    frames = np.random.default_rng(0).normal(0, 1, (2, 10, 1024)).astype(np.float32)
    np.testing.assert_allclose(run.classifier.logits(frames), classifier.logits(frames), atol=1e-6)
    assert run.classifier.times_per_clip == 10
    assert (run.training, run.held_out, run.options) == (side, side, SoundTraining())
    assert load_classifier(folder).class_names == ("robin", "wren")


def test_spectrograms_are_made_again_as_they_were():
    hearing = HearingSource("mel", MelSettings(sample_rate_hz=22_050, num_bands=32))
    again = HearingSource("mel", MelSettings(**json.loads(json.dumps(vars(hearing.mel)))))
    assert again == hearing
    assert again.load().sample_rate_hz == 22_050


def test_another_front_end_damage_and_nothing_at_all_are_told(saved, tmp_path):
    folder, _, _ = saved
    with pytest.raises(FileNotFoundError, match="No sound classifier in"):
        load_sound_run(tmp_path)
    record = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**record, "front_end_fingerprint": "other"}))
    with pytest.raises(ValueError, match="was trained with another front end"):
        load_sound_run(folder)
    (folder / "run.json").write_text("{}")
    with pytest.raises(ValueError, match="is damaged, or another version"):
        load_sound_run(folder)


def test_a_study_goes_on_where_it_stopped_and_its_best_can_be_trained(tmp_path):
    pytest.importorskip("optuna")
    from media import save_waveform
    from soundscapes import scan_recordings
    from soundscapes.tune import plot_study, tune_sound_classifier, with_parameters
    from triplets import FeatureStore

    rng = np.random.default_rng(0)
    for species, pitch in (("robin", 900), ("wren", 2500)):
        (tmp_path / "songs" / species).mkdir(parents=True)
        for number in range(6):
            tone = np.sin(2 * np.pi * pitch * np.arange(16_000) / 16_000)
            noisy = 0.2 * tone + rng.normal(0, 0.02, 16_000)
            save_waveform(tmp_path / "songs" / species / f"{number}.wav", noisy, 16_000)
    recordings, front_end = scan_recordings(tmp_path / "songs"), load_front_end("log_mel")
    quick = SoundTraining(epochs=1, min_steps=2, batch_size=4)
    common = {"directory": tmp_path / "study", "options": quick, "progress": False}
    common["store"] = FeatureStore(tmp_path / "store")
    first = tune_sound_classifier(recordings, front_end, num_trials=2, **common)
    tried = [trial.params for trial in first.trials]
    study = tune_sound_classifier(recordings, front_end, num_trials=3, **common)
    assert [trial.params for trial in study.trials[:2]] == tried
    assert len(study.trials) == 3
    assert study.trials[2].params not in tried
    best = with_parameters(quick, study.best_params)
    assert best.learning_rate == study.best_params["learning_rate"]
    assert best.augmentation.time_mask.most == study.best_params["time_mask"]
    assert replace(best, learning_rate=1e-3, augmentation="default") == replace(
        quick, learning_rate=1e-3
    )
    assert len(plot_study(study).axes) == 2
