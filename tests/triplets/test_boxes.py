"""Each animal in a photo becomes an item; photos without one are told."""

from pathlib import Path

from triplets import LabelledFiles, MediaFile, with_boxes

ONE, TWO = (0.0, 0.0, 9.0, 9.0), (20.0, 0.0, 9.0, 9.0)


def boxes_of(path: Path):
    if path.name == "empty.jpg":
        raise ValueError("no animal was detected in it")
    return [ONE, TWO]


def test_a_photo_of_two_animals_is_two_items_of_one_source():
    files = LabelledFiles(("nyala",), (MediaFile(Path("a.jpg"), 0, "day 1"),), ())
    cropped, skipped = with_boxes(files, boxes_of)
    assert [(file.box, file.source) for file in cropped.images] == [(ONE, "day 1"), (TWO, "day 1")]
    assert not skipped


def test_a_photo_without_an_animal_is_left_out_and_told():
    files = LabelledFiles(("nyala",), (MediaFile(Path("empty.jpg"), 0),), ())
    cropped, skipped = with_boxes(files, boxes_of)
    assert not cropped.images
    (left_out,) = skipped
    assert (str(left_out.path), left_out.reason) == ("empty.jpg", "no animal was detected in it")


def test_a_box_of_a_table_stays_and_recordings_do():
    photo = MediaFile(Path("a.jpg"), 0, box=TWO)
    recording = MediaFile(Path("a.wav"), 0)
    files = LabelledFiles(("nyala",), (photo,), (recording,))
    assert with_boxes(files, boxes_of) == (files, [])
