import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fused_encoder import LogMelFeatures
from tests.training.conftest import new_encoder
from training.fit import TrainedEncoder
from training.options import MinedTriplets, TrainingOptions
from training.run import changes_since_training, load_run, save_run
from triplets import Skipped

OPTIONS = TrainingOptions(MinedTriplets(num_triplets_per_class=4), epochs=2)


@pytest.fixture(scope="module")
def trained(sides):
    """As `train_encoder` gives it, without the training."""
    training, held_out = sides
    media = replace(training, skipped=(Skipped(Path("broken.jpg"), "no photo"),))
    return TrainedEncoder(new_encoder(), {"loss": [0.2]}, media, held_out)


@pytest.fixture
def saved(trained, yamnet, tmp_path):
    return save_run(
        tmp_path / "run", trained, OPTIONS, front_end_source="log_mel", front_end=yamnet
    )


def test_a_run_comes_back_as_it_was_saved(saved, trained):
    run = load_run(saved)
    assert (run.options, run.history, run.front_end_source) == (OPTIONS, trained.history, "log_mel")
    pairs = zip(run.encoder.get_weights(), trained.encoder.get_weights(), strict=True)
    for loaded, weights in pairs:
        np.testing.assert_array_equal(loaded, weights)


def test_a_run_knows_which_files_it_has_seen(saved, trained):
    run = load_run(saved)
    for loaded, media in ((run.training, trained.training), (run.held_out, trained.held_out)):
        assert loaded.class_names == media.class_names
        for kind in ("images", "recordings"):
            ours, theirs = (
                [(file.path.resolve(), file.class_index) for file in getattr(one, kind)]
                for one in (loaded, media)
            )
            assert ours == theirs


def test_a_run_lists_what_was_skipped_and_the_versions(saved):
    record = json.loads((saved / "run.json").read_text())
    assert record["skipped"] == [{"path": "broken.jpg", "reason": "no photo"}]
    assert record["versions"]["keras"]


def test_where_nothing_changed_nothing_is_told(saved, trained, yamnet):
    assert changes_since_training(load_run(saved), yamnet, trained.training, trained.held_out) == []


def test_a_file_that_changed_since_training_is_named(saved, trained, yamnet):
    first, *others = trained.held_out.images
    changed = replace(trained.held_out, images=(replace(first, content="other"), *others))
    (change,) = changes_since_training(load_run(saved), yamnet, trained.training, changed)
    assert f"hold other bytes than in training: '{first.path}'. Figures are of the files" in change
    assert change.startswith("1 of ")


def test_another_yamnet_than_in_training_is_told(saved):
    class Deaf(LogMelFeatures):
        def __call__(self, waveform):
            scores, embeddings, log_mel = super().__call__(waveform)
            return scores, 0 * embeddings, log_mel

    (change,) = changes_since_training(load_run(saved), Deaf())
    assert change.startswith("The encoder was trained with another audio front end (fingerprint ")


def test_saving_again_removes_the_older_evaluation_and_nothing_else(saved, trained):
    evaluation = saved / "evaluation"
    (evaluation / "pictures").mkdir(parents=True)
    for name in ("metrics.json", "report.html", "pictures/training.png", "my notes.txt"):
        (evaluation / name).write_text("old")
    save_run(saved, trained, OPTIONS)
    assert [path.name for path in evaluation.rglob("*")] == ["my notes.txt"]
    assert load_run(saved).front_end_fingerprint is None


def test_an_interrupted_save_leaves_no_run(saved, trained, monkeypatch):
    def interrupted(path, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save_run(saved, trained, OPTIONS)
    with pytest.raises(FileNotFoundError, match="No training run in"):
        load_run(saved)


def test_names_in_any_script_and_of_damaged_encoding_come_back(trained, tmp_path):
    odd = replace(trained.held_out.images[0], path=tmp_path / "シジュウカラ \udcff <b>.jpg")
    media = replace(trained.held_out, images=(odd,))
    run = load_run(save_run(tmp_path / "run", replace(trained, held_out=media), OPTIONS))
    assert run.held_out.images[0].path == odd.path.resolve()


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No training run in .* run\.json and encoder"):
        load_run(tmp_path)


def test_a_run_of_another_version_is_refused(tmp_path):
    (tmp_path / "run.json").write_text('{"schema": 99}')
    with pytest.raises(ValueError, match=r"has schema 99, this version reads 4\. Train again"):
        load_run(tmp_path)


@pytest.mark.parametrize(
    "text", ["", '{"schema": 3', "[]", "3", "{}", '{"schema": 4}', '{"schema": null}', "\x00"]
)
def test_a_damaged_record_is_named_with_what_was_expected(tmp_path, text):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(
        ValueError, match=r"is damaged \(.*Expected the record .*Restore the file, or"
    ):
        load_run(tmp_path)


@pytest.mark.parametrize("change", [{"epochs": 0}, {"magic": 1}])
def test_a_record_of_impossible_options_is_damaged(saved, change):
    record = json.loads((saved / "run.json").read_text())
    record["options"] |= change
    (saved / "run.json").write_text(json.dumps(record))
    with pytest.raises(ValueError, match=r"run\.json' is damaged \(.*(magic|epochs)"):
        load_run(saved)


@pytest.mark.parametrize("keep", [0, 1000, -1000])
def test_a_damaged_encoder_is_named_with_what_was_expected(saved, keep):
    whole = (saved / "encoder.keras").read_bytes()
    (saved / "encoder.keras").write_bytes(whole[:keep])
    with pytest.raises(ValueError, match=r"encoder\.keras' is damaged .* or train again\."):
        load_run(saved)
