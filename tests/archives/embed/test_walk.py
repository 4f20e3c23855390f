"""Every file once, whatever the folders do."""

import os
from pathlib import Path

import pytest

from archives.embed.walk import walk_inputs


def make(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_folders_are_walked_in_order_at_any_depth(tmp_path):
    make(tmp_path / "b/1.wav", tmp_path / "a/deep/er/2.wav", tmp_path / "0.wav")
    found = [str(path.relative_to(tmp_path)) for path in walk_inputs([tmp_path])]
    assert found == ["0.wav", "a/deep/er/2.wav", "b/1.wav"]


def test_a_link_into_its_own_parent_is_walked_once(tmp_path):
    make(tmp_path / "card/1.wav")
    (tmp_path / "card/again").symlink_to(tmp_path / "card")
    assert list(walk_inputs([tmp_path])) == [tmp_path / "card/1.wav"]


def test_a_folder_that_is_reached_by_two_links_is_walked_once(tmp_path):
    make(tmp_path / "card/1.wav")
    (tmp_path / "other").symlink_to(tmp_path / "card")
    assert len(list(walk_inputs([tmp_path, tmp_path / "card"]))) == 1


def test_equal_names_in_different_folders_are_different_files(tmp_path):
    make(tmp_path / "a/1.wav", tmp_path / "b/1.wav")
    assert len(set(walk_inputs([tmp_path]))) == 2


@pytest.mark.parametrize("name", ["Zaunkönig.wav", "鳥 🐦.wav", "new\nline.wav"])
def test_any_name_is_kept(tmp_path, name):
    make(tmp_path / name)
    assert list(walk_inputs([tmp_path])) == [tmp_path / name]


def test_hidden_files_and_folders_are_left_out_unless_typed(tmp_path):
    make(tmp_path / ".trash/1.wav", tmp_path / "._1.wav", tmp_path / "1.wav")
    assert list(walk_inputs([tmp_path])) == [tmp_path / "1.wav"]
    assert list(walk_inputs([tmp_path / "._1.wav"])) == [tmp_path / "._1.wav"]


def test_what_is_typed_and_is_not_there_is_for_the_caller_to_tell():
    assert list(walk_inputs(["nowhere.wav"])) == [Path("nowhere.wav")]


def test_a_folder_that_cannot_be_listed_is_told(tmp_path, monkeypatch):
    make(tmp_path / "open/1.wav", tmp_path / "shut/2.wav")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    told = []
    found = list(walk_inputs([tmp_path], refused=lambda *one: told.append(one)))
    assert found == [tmp_path / "open/1.wav"]
    assert told == [
        (
            tmp_path / "shut",
            "the folder cannot be listed: Permission denied. Check its permissions.",
        )
    ]
