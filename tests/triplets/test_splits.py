"""Splits: nothing of what is held out is ever trained on."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from triplets import LabelledFiles, MediaFile, scan_folders, split_by_class, split_by_source
from triplets.splits import content_source


@pytest.fixture
def folders(write_folders) -> LabelledFiles:
    images, audio = write_folders("owl", "robin", "wren", num_files=6)
    for copy in ("copy.png", "again.png"):
        shutil.copy(images / "wren" / "0.png", images / "wren" / copy)
    return scan_folders(images, audio)


def _from(folders: LabelledFiles, source_of: Callable[[Path], str]) -> LabelledFiles:
    """The same files, each with its source."""
    images, recordings = (
        tuple(replace(file, source=source_of(file.path)) for file in kind)
        for kind in (folders.images, folders.recordings)
    )
    return LabelledFiles(folders.class_names, images, recordings)


def _contents(files: tuple[MediaFile, ...]) -> set[str]:
    return {content_source(file.path) for file in files}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("fraction", [0.01, 0.25, 0.5, 0.99])
def test_no_content_is_on_both_sides_and_none_is_lost(folders, fraction, seed):
    training, held_out = split_by_source(folders, held_out_fraction=fraction, seed=seed)
    for kind in ("images", "recordings"):
        inside, outside = getattr(training, kind), getattr(held_out, kind)
        assert not _contents(inside) & _contents(outside)
        assert sorted(map(str, inside + outside)) == sorted(map(str, getattr(folders, kind)))


@pytest.mark.parametrize("fraction", [0.01, 0.5, 0.99])
def test_each_class_keeps_two_sources_and_holds_one_out(folders, fraction):
    training, held_out = split_by_source(folders, held_out_fraction=fraction)
    assert training.class_names == held_out.class_names == folders.class_names
    for index in range(3):
        for side, fewest in ((training, 2), (held_out, 1)):
            for files in (side.images, side.recordings):
                own = tuple(file for file in files if file.class_index == index)
                assert len(_contents(own)) >= fewest


def test_about_the_asked_for_fraction_is_held_out(folders):
    _, held_out = split_by_source(folders, held_out_fraction=0.5)
    assert len(held_out.recordings) == 9


@pytest.mark.parametrize("split", [split_by_source, split_by_class])
def test_the_same_seed_gives_the_same_split_and_another_seed_another(folders, split):
    splits = [split(folders, held_out_fraction=0.34, seed=seed) for seed in (0, 0, 1, 2, 3)]
    assert splits[0] == splits[1]
    assert any(other != splits[0] for other in splits[2:])


def test_files_of_one_source_of_the_users_stay_together(folders):
    def outing(path: Path) -> str:
        return {"0": "monday", "1": "monday", "2": "tuesday"}.get(path.stem, "sunday")

    training, held_out = split_by_source(_from(folders, lambda p: f"{p.parent.name} {outing(p)}"))
    for kind in ("images", "recordings"):
        files = getattr(training, kind), getattr(held_out, kind)
        inside, outside = ({(f.class_index, outing(f.path)) for f in side} for side in files)
        assert not inside & outside


def test_a_source_that_holds_two_classes_stays_together(folders):
    training, held_out = split_by_source(_from(folders, lambda path: path.stem))
    stems = [{file.path.stem for file in side.recordings} for side in (training, held_out)]
    assert not stems[0] & stems[1]


@pytest.mark.parametrize("seed", range(5))
def test_photos_and_recordings_of_one_source_stay_together(folders, seed):
    training, held_out = split_by_source(
        _from(folders, lambda path: f"{path.parent.name} {path.stem}"), seed=seed
    )
    inside, outside = (
        {(file.path.parent.name, file.path.stem) for file in side.images + side.recordings}
        for side in (training, held_out)
    )
    assert not inside & outside


@pytest.mark.parametrize("seed", range(10))
def test_a_copy_in_another_class_never_leaves_that_class_too_little(write_folders, seed):
    images, audio = write_folders("owl", "robin", "wren", num_files=3)
    shutil.copy(images / "owl" / "0.png", images / "wren" / "0.png")
    training, held_out = split_by_source(scan_folders(images, audio), seed=seed)
    for index in range(3):
        assert sum(file.class_index == index for file in training.images) == 2
        assert sum(file.class_index == index for file in held_out.images) == 1


def test_classes_that_share_all_their_sources_keep_two_to_train_on(write_folders, caplog):
    folders = scan_folders(*write_folders("owl", "wren", num_files=6))
    kept = [f.path.name for f in split_by_source(folders)[0].images if f.class_index == 0]

    def source(path: Path) -> str:
        if path.parent.name == "wren" and path.suffix == ".wav":
            return f"owl {kept[int(path.stem) % 3]}"
        return f"{path.parent.name} {path.name}"

    training, _ = split_by_source(_from(folders, source))
    assert sum(file.class_index == 1 for file in training.recordings) == 6
    assert "None of the recordings of 1 of 2 classes are held out" in caplog.text
    assert "'wren'" in caplog.text


@pytest.mark.parametrize("seed", range(20))
def test_sources_in_several_classes_never_leave_one_too_little_to_train_on(write_folders, seed):
    folders = scan_folders(write_folders("owl", "robin", "wren", num_files=6)[0])
    rng = np.random.default_rng(seed)
    outing = {file.path: str(rng.integers(5)) for file in folders.images}
    training, held_out = split_by_source(
        _from(folders, outing.get), held_out_fraction=0.6, seed=seed
    )
    assert not {outing[f.path] for f in training.images} & {outing[f.path] for f in held_out.images}
    assert len(training.images) + len(held_out.images) == 18
    for index in range(3):
        own = {outing[f.path] for f in folders.images if f.class_index == index}
        left = {outing[f.path] for f in training.images if f.class_index == index}
        assert len(left) >= min(2, len(own))


def test_small_classes_are_trained_on_whole_and_named(write_folders, caplog):
    images, audio = write_folders("owl", "robin", "wren", num_files=3)
    (images / "owl" / "2.png").unlink()
    training, held_out = split_by_source(scan_folders(images, audio))
    assert [file.class_index for file in held_out.images] == [1, 2]
    assert sum(file.class_index == 0 for file in training.images) == 2
    assert "None of the photos of 1 of 3 classes are held out" in caplog.text


def test_classes_that_are_all_too_small_are_refused(write_folders):
    with pytest.raises(ValueError, match="too small to hold some files out: none has 3 photos"):
        split_by_source(scan_folders(*write_folders("owl", "wren", num_files=2)))


@pytest.mark.parametrize("split", [split_by_source, split_by_class])
@pytest.mark.parametrize("fraction", [0, 1, -0.2, float("nan")])
def test_a_fraction_that_is_none_is_refused(folders, split, fraction):
    with pytest.raises(ValueError, match=r"Expected held_out_fraction in \(0, 1\), received"):
        split(folders, held_out_fraction=fraction)


@pytest.mark.parametrize(("fraction", "num_held_out"), [(0.01, 1), (0.34, 1), (0.67, 2), (0.99, 2)])
def test_split_by_class_puts_each_class_on_one_side(folders, fraction, num_held_out):
    training, held_out = split_by_class(folders, held_out_fraction=fraction)
    assert len(held_out.class_names) == num_held_out
    assert sorted(training.class_names + held_out.class_names) == list(folders.class_names)


def test_split_by_class_numbers_the_classes_of_each_side_anew(folders):
    for side in split_by_class(folders, held_out_fraction=0.34, seed=1):
        for file in side.images + side.recordings:
            assert side.class_names[file.class_index] == file.path.parent.name
        assert {f.class_index for f in side.images} == set(range(len(side.class_names)))


def test_split_by_class_needs_two_classes(folders):
    with pytest.raises(ValueError, match="at least two classes to split, received 1"):
        split_by_class(LabelledFiles(("wren",), (), ()))
