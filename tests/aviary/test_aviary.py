"""The written aviary: complete, reproducible, safe to write again."""

import hashlib
import json

import numpy as np
import pytest

from aviary import Aviary, write_aviary, write_videos
from media import load_image, load_waveform, probe_audio


def _digests(aviary: Aviary, *suffixes: str) -> dict[str, str]:
    return {
        str(path.relative_to(aviary.directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(aviary.directory.rglob("*"))
        if path.suffix in suffixes
    }


def test_all_four_trees_hold_the_same_classes_with_files_that_can_be_read(aviary):
    assert len(aviary.class_names) == 4
    assert aviary.species_of["cobalt_wren_01"] == "cobalt_wren"
    assert set(aviary.species_of.values()) == set(aviary.species_names)
    for tree, num in ((aviary.images, 5), (aviary.held_out_images, 2)):
        assert tuple(sorted(path.name for path in tree.iterdir())) == aviary.class_names
        for folder in tree.iterdir():
            sizes = [load_image(path).shape[:2] for path in folder.glob("photo_*.jpg")]
            assert len(sizes) == num
            assert np.min(sizes) >= 224
    for tree, num in ((aviary.audio, 5), (aviary.held_out_audio, 2)):
        assert tuple(sorted(path.name for path in tree.iterdir())) == aviary.class_names
        for folder in tree.iterdir():
            paths = list(folder.glob("recording_*.flac"))
            assert len(paths) == num
            waveforms = [load_waveform(path, sample_rate_hz=16_000) for path in paths]
            assert all(1.2 < len(waveform) / 16_000 < 1.8 for waveform in waveforms)
            assert {probe_audio(path).sample_rate_hz for path in paths} <= {22_050, 44_100}


def test_same_seed_gives_the_same_bytes_and_another_seed_others(aviary, tmp_path):
    kinds = (".jpg", ".flac", ".json")
    again = write_aviary(tmp_path / "again", size="tiny", num_workers=1)
    assert _digests(again, *kinds) == _digests(aviary, *kinds)
    other = write_aviary(tmp_path / "other", size="tiny", seed=1)
    ours, theirs = _digests(aviary, *kinds), _digests(other, *kinds)
    assert ours.keys() == theirs.keys()
    digests = [*ours.values(), *theirs.values()]
    assert len(set(digests)) == len(digests)


def test_writing_a_complete_aviary_again_touches_nothing(aviary):
    before = {path: path.stat().st_mtime_ns for path in aviary.directory.rglob("*")}
    assert write_aviary(aviary.directory, size="tiny") == aviary
    assert {path: path.stat().st_mtime_ns for path in aviary.directory.rglob("*")} == before


def test_an_interrupted_aviary_is_completed(aviary, tmp_path):
    half = write_aviary(tmp_path / "birds", size="tiny")
    marker = half.directory / "aviary.json"
    marker.write_text(marker.read_text().replace("true", "false"))
    (half.images / "cobalt_wren_01" / "photo_03.jpg").unlink()
    half.truth.unlink()
    write_aviary(half.directory, size="tiny")
    assert _digests(half, ".jpg", ".flac", ".json") == _digests(aviary, ".jpg", ".flac", ".json")


def test_a_folder_with_something_else_is_refused(aviary, tmp_path):
    with pytest.raises(ValueError, match=r"another aviary: .*'seed': 3}; found .*'seed': 0}"):
        write_aviary(aviary.directory, size="tiny", seed=3)
    (tmp_path / "thesis.txt").write_text("mine")
    for message, write in (
        ("not empty and holds no aviary", lambda: write_aviary(tmp_path, size="tiny")),
        (r"'huge'\. Expected one of tiny, small", lambda: write_aviary(tmp_path, size="huge")),
        ("seed is -1", lambda: write_aviary(tmp_path, seed=-1)),
        (r"casts \[5\] hold none or too", lambda: write_videos(tmp_path, cast_sizes=(5,))),
    ):
        with pytest.raises(ValueError, match=message):
            write()
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_more_videos_of_the_same_birds_can_be_written(aviary, tmp_path):
    truth = write_videos(tmp_path / "more", cast_sizes=(1, 2), size="tiny")
    own = json.loads(aviary.truth.read_text())
    assert json.loads((tmp_path / "more" / "truth.json").read_text()) == truth
    assert [video["count"] for video in truth["videos"].values()] == [1, 2]
    assert truth["videos"] != own["videos"]
