"""What is embedded, what it is called, and which machine it falls to."""

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archives.embed.find_sources import find_sources
from archives.embed.sources import Source, in_shard, path_to_name, read_pairs, source_of


def recordings(names):
    return [Source("recording", Path(name)) for name in names]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.JPG", "image"), ("a.WAV", "recording"), ("a.flac", "recording"), ("a.mp4", "video")],
)
def test_a_file_is_what_its_name_says(name, kind):
    assert source_of(Path(name)) == Source(kind, Path(name))


def test_other_files_are_not_read():
    assert source_of(Path("notes.txt")) is None


def test_a_pair_is_called_by_both_names():
    assert Source("pair", Path("b.wav"), Path("a.jpg")).name == "a.jpg+b.wav"


def test_a_name_that_is_not_utf8_becomes_text():
    assert path_to_name(Path(os.fsdecode(b"wren\xff.wav"))) == "wren\\xff.wav"


@given(st.sets(st.text("abcé/", min_size=1), min_size=1), st.integers(1, 5))
def test_each_source_falls_to_exactly_one_machine(names, count):
    sources = recordings(sorted(names))
    parts = [list(in_shard(sources, (number, count))) for number in range(1, count + 1)]
    assert sorted(source.name for part in parts for source in part) == sorted(
        source.name for source in sources
    )


def test_the_work_is_divided_about_evenly():
    sources = recordings(f"card/{number}.wav" for number in range(3000))
    assert all(900 < len(list(in_shard(sources, (number, 3)))) < 1100 for number in (1, 2, 3))


def test_one_machine_has_it_all():
    assert list(in_shard(recordings("ab"), (1, 1))) == recordings("ab")


def test_a_name_falls_to_the_same_machine_however_its_accents_are_written():
    forms = [unicodedata.normalize(form, "Zaunkönig.wav") for form in ("NFC", "NFD")]
    shares = [len(list(in_shard(recordings([form]), (1, 2)))) for form in forms]
    assert shares[0] == shares[1]


@pytest.mark.parametrize("shard", [(0, 2), (3, 2), (1, 0)])
def test_a_shard_that_is_none_is_refused(shard):
    with pytest.raises(ValueError, match=f"received {shard[0]}/{shard[1]}"):
        list(in_shard([], shard))


def test_pairs_are_relative_to_their_table(tmp_path):
    (tmp_path / "pairs.csv").write_text(
        "\ufeffimage,recording,note\na.jpg,b.wav,x\na.jpg,,\n,b.wav,\n", encoding="utf-8"
    )
    photo, sound = tmp_path / "a.jpg", tmp_path / "b.wav"
    assert read_pairs(tmp_path / "pairs.csv") == [
        Source("pair", sound, photo),
        Source("image", photo),
        Source("recording", sound),
    ]


def test_a_row_of_pairs_without_either_file_is_refused_with_its_line(tmp_path):
    (tmp_path / "pairs.csv").write_text("image,recording\na.jpg,b.wav\n,\n")
    with pytest.raises(ValueError, match=r"neither photo nor recording in lines \[3\]"):
        read_pairs(tmp_path / "pairs.csv")


def test_a_table_of_pairs_that_is_not_utf8_is_refused(tmp_path):
    (tmp_path / "pairs.csv").write_bytes(b"image,recording\n\xe4.jpg,b.wav\n")
    with pytest.raises(ValueError, match="is not UTF-8"):
        read_pairs(tmp_path / "pairs.csv")


def test_photos_come_first_and_each_source_once(tmp_path):
    for name in ("b.wav", "a.jpg", "c.mp4", "notes.txt", "README"):
        (tmp_path / name).touch()
    found = find_sources([tmp_path, tmp_path / "b.wav"], None)
    assert [source.path.name for source in found.sources] == ["a.jpg", "b.wav", "c.mp4"]
    assert found.passed_over == {".txt": 1, "no extension": 1}


def test_what_was_typed_and_is_no_medium_is_told(tmp_path):
    (tmp_path / "a.jpg").touch()
    (tmp_path / "notes.txt").touch()
    typed = [tmp_path / "a.jpg", tmp_path / "notes.txt", tmp_path / "nowhere"]
    assert find_sources(typed, None).refused == {
        str(typed[1]): "neither a photo nor a recording nor a video, by its name",
        str(typed[2]): "there is no such file or folder",
    }


def test_nothing_at_all_is_refused_with_what_is_read(tmp_path):
    with pytest.raises(ValueError, match=r"No photo, recording or video in .*\.jpg"):
        find_sources([tmp_path], None)
