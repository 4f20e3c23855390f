import unicodedata

import pytest

from individuals.video.video_names import match_videos


def match(videos, names):
    return match_videos(videos, names, "The file")


def test_equal_file_names_in_different_folders_do_not_collide():
    names = ["east/monday.mp4", "west/monday.mp4"]
    videos = ["/data/west/monday.mp4", "/data/east/monday.mp4"]
    assert match(videos, names) == {
        "/data/west/monday.mp4": "west/monday.mp4",
        "/data/east/monday.mp4": "east/monday.mp4",
    }


def test_an_entry_of_another_folder_is_of_another_video():
    with pytest.raises(ValueError, match=r"in none of its folders; the same file name is in 'east"):
        match(["/data/west/monday.mp4"], ["east/monday.mp4"])


def test_the_longest_entry_is_the_right_one():
    names = ["monday.mp4", "west/monday.mp4"]
    assert match(["/data/west/monday.mp4"], names) == {"/data/west/monday.mp4": "west/monday.mp4"}


def test_a_path_given_from_within_finds_the_entry_of_another_machine():
    entry = "D:\\card\\west\\monday.mp4"
    assert match(["west/monday.mp4"], [entry]) == {"west/monday.mp4": entry}


def test_a_path_that_may_be_several_entries_is_refused_with_its_candidates():
    names = ["/card/east/monday.mp4", "/card/west/monday.mp4"]
    with pytest.raises(ValueError, match=r"'monday.mp4' may be any of '/card/east/.*, '/card/west"):
        match(["monday.mp4"], names)


def test_letters_composed_otherwise_are_the_same_letters():
    decomposed = unicodedata.normalize("NFD", "Zaunkönig 鳥.mp4")
    assert match(["/data/Zaunkönig 鳥.mp4"], [decomposed]) == {"/data/Zaunkönig 鳥.mp4": decomposed}


def test_a_folder_of_frames_may_lack_the_extension():
    assert match(["/data/monday.mp4"], ["monday"]) == {"/data/monday.mp4": "monday"}
    with pytest.raises(ValueError, match=r"'monday.avi' is not in it; it has 'monday.mp4'"):
        match(["monday.avi"], ["monday.mp4"])


def test_two_videos_are_never_one_entry():
    with pytest.raises(ValueError, match=r"the entry 'monday' fits 'monday.avi' and 'monday.mp4'"):
        match(["monday.avi", "monday.mp4"], ["monday"])


def test_all_that_does_not_fit_is_told_at_once():
    with pytest.raises(ValueError, match=r"(?s)'a.mp4' is not in it.*'b.mp4' is not in it"):
        match(["a.mp4", "b.mp4"], ["c.mp4"])
    with pytest.raises(ValueError, match=r"'a.mp4' is not in it; it has no video at all"):
        match(["a.mp4"], [])
