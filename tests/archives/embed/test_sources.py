"""What is embedded, what it is called, and which machine it falls to."""

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archives.embed.sources import (
    Source,
    find_sources,
    in_shard,
    path_to_name,
    read_pairs,
    walk_inputs,
)


def recordings(names):
    return [Source("recording", Path(name)) for name in names]


def make(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_a_pair_is_called_by_both_names_and_other_bytes_than_utf8_become_text():
    assert Source("pair", Path("b.wav"), Path("a.jpg")).name == "a.jpg+b.wav"
    assert path_to_name(Path(os.fsdecode(b"wren\xff.wav"))) == "wren\\xff.wav"


@given(st.sets(st.text("abcé/", min_size=1), min_size=1), st.integers(1, 5))
def test_each_source_falls_to_exactly_one_machine(names, count):
    sources = recordings(sorted(names))
    parts = [list(in_shard(sources, (number, count))) for number in range(1, count + 1)]
    shared = [source.name for part in parts for source in part]
    assert sorted(shared) == sorted(source.name for source in sources)


def test_names_are_divided_evenly_however_their_accents_are_written():
    forms = [unicodedata.normalize(form, "Zaunkönig.wav") for form in ("NFC", "NFD")]
    shares = [len(list(in_shard(recordings([form]), (1, 2)))) for form in forms]
    assert shares[0] == shares[1]
    many = recordings(f"card/{number}.wav" for number in range(3000))
    assert all(900 < len(list(in_shard(many, (number, 3)))) < 1100 for number in (1, 2, 3))


@pytest.mark.parametrize("shard", [(0, 2), (3, 2), (1, 0)])
def test_an_impossible_shard_is_refused(shard):
    with pytest.raises(ValueError, match=f"received {shard[0]}/{shard[1]}"):
        list(in_shard([], shard))


def test_pairs_are_relative_to_their_table_which_a_spreadsheet_may_have_written(tmp_path):
    (tmp_path / "pairs.csv").write_text(
        "\ufeffimage;recording;note\na.jpg;b.wav;x\na.jpg;;\n;b.wav;\n", encoding="utf-8"
    )
    photo, sound = tmp_path / "a.jpg", tmp_path / "b.wav"
    assert read_pairs(tmp_path / "pairs.csv") == [
        Source("pair", sound, photo),
        Source("image", photo),
        Source("recording", sound),
    ]


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ("image,recording,note\na.jpg,b.wav,\n,,x\n", r"neither photo nor recording in rows \[3\]"),
        ("image,sound\na.jpg,b.wav\n", "no column recording"),
        ("photo,recording\na.jpg,b.wav\n", "no column image"),
    ],
)
def test_a_table_that_lacks_files_or_columns_is_refused(tmp_path, table, words):
    (tmp_path / "pairs.csv").write_text(table)
    with pytest.raises(ValueError, match=words):
        read_pairs(tmp_path / "pairs.csv")


def test_photos_come_first_and_each_source_once_by_its_name_whatever_its_case(tmp_path):
    for name in ("b.WAV", "a.JPG", "c.mp4", "notes.txt", "README"):
        (tmp_path / name).touch()
    found = find_sources([tmp_path, tmp_path / "b.WAV"], None)
    assert [(source.path.name, source.kind) for source in found.sources] == [
        ("a.JPG", "image"),
        ("b.WAV", "recording"),
        ("c.mp4", "video"),
    ]
    assert found.passed_over == {".txt": 1, "no extension": 1}


def test_what_was_typed_and_is_no_medium_is_told(tmp_path):
    with pytest.raises(ValueError, match=r"No photo, recording or video in .*\.jpg"):
        find_sources([tmp_path], None)
    make(tmp_path / "a.jpg", tmp_path / "notes.txt")
    typed = [tmp_path / "a.jpg", tmp_path / "notes.txt", tmp_path / "nowhere"]
    assert find_sources(typed, None).refused == {
        str(typed[1]): "neither a photo nor a recording nor a video, by its name",
        str(typed[2]): "there is no such file or folder",
    }


def test_folders_are_walked_in_order_at_any_depth_and_any_name_is_kept(tmp_path):
    names = ["0.wav", "a/1.wav", "a/deep/er/2.wav", "b/1.wav", "new\nline.wav", "鳥 🐦.wav"]
    make(*(tmp_path / name for name in names))
    found = [str(path.relative_to(tmp_path)) for path in walk_inputs([tmp_path])]
    assert sorted(found) == sorted(names)
    assert found[:3] == ["0.wav", "new\nline.wav", "鳥 🐦.wav"]
    assert found[3:] == ["a/1.wav", "a/deep/er/2.wav", "b/1.wav"]


def test_a_folder_that_is_reached_twice_is_walked_once(tmp_path):
    make(tmp_path / "card/1.wav")
    (tmp_path / "card/again").symlink_to(tmp_path / "card")
    (tmp_path / "other").symlink_to(tmp_path / "card")
    assert list(walk_inputs([tmp_path, tmp_path / "card"])) == [tmp_path / "card/1.wav"]


def test_hidden_files_and_folders_are_left_out_unless_typed(tmp_path):
    make(tmp_path / ".trash/1.wav", tmp_path / "._1.wav", tmp_path / "1.wav")
    assert list(walk_inputs([tmp_path])) == [tmp_path / "1.wav"]
    assert list(walk_inputs([tmp_path / "._1.wav"])) == [tmp_path / "._1.wav"]


def test_a_folder_that_cannot_be_listed_is_told(tmp_path, monkeypatch):
    make(tmp_path / "open/1.wav", tmp_path / "shut/2.wav")
    scandir = os.scandir

    def refuse(path):
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = find_sources([tmp_path], None)
    assert [source.path for source in found.sources] == [tmp_path / "open/1.wav"]
    reason = "the folder cannot be listed: Permission denied. Check its permissions."
    assert found.refused == {str(tmp_path / "shut"): reason}
