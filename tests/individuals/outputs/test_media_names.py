from hypothesis import given
from hypothesis import strategies as st

from individuals.outputs.media_details import distinct_file_names, short_media_names

paths = st.lists(st.text("aAb./\\:é鳥 ", min_size=1, max_size=12), max_size=6)


def test_a_name_is_as_long_as_it_must_be():
    names = short_media_names(["x/a/m.mp4", "x/b/m.mp4", "y/b/m.mp4", "y/b/n.mp4"])
    assert list(names.values()) == ["a/m.mp4", "x/b/m.mp4", "y/b/m.mp4", "n.mp4"]


@given(paths)
def test_file_names_are_distinct_on_any_file_system(media):
    names = distinct_file_names(media, ".txt")
    assert list(names) == list(dict.fromkeys(media))
    assert len({name.casefold() for name in names.values()}) == len(names)
    assert not any(set(name) & set('/\\:*?"<>|') for name in names.values())


def test_a_long_name_fits_a_file_system():
    (name,) = distinct_file_names(["鳥" * 80 + ".mp4"], ".Table.1.selections.txt").values()
    assert len(name.encode()) <= 255


def test_a_recording_and_a_video_of_one_name_stay_apart():
    names = distinct_file_names(["a/monday.mp4", "a/monday.wav"], ".txt")
    assert list(names.values()) == ["monday.mp4.txt", "monday.wav.txt"]
