import json

import numpy as np
import pytest

from training.run import load_run, save_run


@pytest.fixture
def saved(trained, options, tmp_path):
    return save_run(tmp_path / "run", trained, options, yamnet_source="log_mel")


def test_a_run_comes_back_as_it_was_saved(saved, trained, options):
    run = load_run(saved)
    assert (run.options, run.history, run.yamnet_source) == (options, trained.history, "log_mel")
    for loaded, weights in zip(
        run.encoder.get_weights(), trained.encoder.get_weights(), strict=True
    ):
        np.testing.assert_array_equal(loaded, weights)


def test_a_run_knows_which_files_it_has_seen(saved, trained):
    run = load_run(saved)
    for loaded, media in ((run.training, trained.training), (run.held_out, trained.held_out)):
        assert loaded.class_names == media.class_names
        for kind in ("images", "recordings"):
            files = [(file.path, file.class_index) for file in getattr(loaded, kind)]
            assert files == [
                (file.path.resolve(), file.class_index) for file in getattr(media, kind)
            ]


def test_a_run_lists_what_was_skipped_and_the_versions(saved):
    record = json.loads((saved / "run.json").read_text())
    assert [entry["path"].rpartition("/")[2] for entry in record["skipped"]] == ["broken.jpg"]
    assert record["versions"]["keras"]


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No training run in .* run\.json and encoder"):
        load_run(tmp_path)


def test_a_run_of_a_newer_version_is_refused(tmp_path):
    (tmp_path / "run.json").write_text('{"schema": 99}')
    with pytest.raises(ValueError, match=r"has schema 99, .* reads up to 1\. Update"):
        load_run(tmp_path)
