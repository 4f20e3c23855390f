"""Tables in place of folders."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from media import save_image
from triplets import prepare_media, read_table

WILDLIFE = """image_id,identity,path,bbox,date,split
1,ada,images/1.jpg,"[10, 20, 30, 40]",2019-05-01,train
2,ada,images/2.jpg,,2019-05-01,train
3,bob,images/3.jpg,,2019-05-01,test
4,bob,images/4.jpg,,2019-06-01,train
5,unknown,images/5.jpg,,,train
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    rng = np.random.default_rng(0)
    for number in range(1, 6):
        photo = rng.integers(0, 256, (80, 60, 3), np.uint8)
        save_image(tmp_path / "images" / f"{number}.jpg", photo)
    return tmp_path


def _write(root: Path, text: str, name: str = "metadata.csv") -> Path:
    path = root / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_metadata_of_wildlife_datasets_is_read_as_it_is(root, caplog):
    training, held_out = read_table(_write(root, WILDLIFE))
    assert training.class_names == held_out.class_names == ("ada", "bob")
    assert [file.path.name for file in training.images] == ["1.jpg", "2.jpg", "4.jpg"]
    assert [file.source for file in training.images][:2] == ["ada 2019-05-01"] * 2
    assert training.images[0].box == (10, 20, 30, 40)
    assert [file.path.name for file in held_out.images] == ["3.jpg"]
    assert held_out.images[0].source == "bob 2019-05-01"  # of another animal than ada's of that day
    assert "1 rows of" in caplog.text


@pytest.mark.parametrize("suffix", [".parquet", ".xlsx"])
def test_other_kinds_of_table_say_the_same_as_csv(root, suffix):
    text = _write(root, WILDLIFE)
    frame = pd.read_csv(text)
    other = root / f"metadata{suffix}"
    frame.to_parquet(other) if suffix == ".parquet" else frame.to_excel(other, index=False)
    assert read_table(other) == read_table(text)


def test_a_row_may_have_a_photo_and_a_recording_and_name_its_source(root):
    table = "class,image,recording,tape\nwren,images/1.jpg,a.wav,7\nwren,,b.flac,8\n"
    files, held_out = read_table(_write(root, table), source="tape")
    assert held_out is None
    assert [(f.path.name, f.source) for f in files.images] == [("1.jpg", "7")]
    assert [(f.path.name, f.source) for f in files.recordings] == [("a.wav", "7"), ("b.flac", "8")]


def test_a_box_is_what_is_seen_of_a_photo_and_one_photo_may_hold_two_animals(root):
    rows = 'ada,images/1.jpg,"[0, 0, 30, 30]"\nbob,images/1.jpg,"[30, 40, 30, 40]"\n'
    table = f"class,image,box\n{rows}"
    media = prepare_media(read_table(_write(root, table))[0], progress=False)
    first, second = (file.feature() for file in media.images)
    assert first.shape == second.shape == (224, 224, 3)
    assert not np.array_equal(first, second)
    assert media.images[0].content != media.images[1].content
    assert media.images[0].source == media.images[1].source  # one photo


def test_a_box_outside_of_its_photo_is_skipped_and_said(root):
    table = 'class,image,box\nada,images/1.jpg,"[500, 0, 30, 30]"\nada,images/2.jpg,\n'
    media = prepare_media(read_table(_write(root, table))[0], progress=False)
    assert "lies outside of the photo of 60 x 80 pixels" in media.skipped[0].reason


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,image\nwren,1.jpg\n", "Received the columns: name, image"),
        ("class,notes\nwren,x\n", "'image' \\(or 'path'\\) or 'recording'"),
        ("class,image\n", "with at least one row"),
        ("", "cannot be read as a table"),
        ("class,image\nwren,song.wav\n", "row 2: image is 'song.wav', expected a file of"),
        ("class,image,split\nwren,images/1.jpg,maybe\n", "row 2: split is 'maybe'"),
        ('class,image,box\nwren,images/1.jpg,"[1, 2]"\n', "row 2: box is '\\[1, 2\\]'"),
        ("class,image\nwren,\n", "row 2: it names neither a photo nor a recording"),
    ],
)
def test_tables_that_cannot_be_used_say_why(root, text, message):
    with pytest.raises(ValueError, match=message):
        read_table(_write(root, text))


def test_files_that_are_nowhere_and_tables_that_are_nowhere_are_named(root):
    with pytest.raises(FileNotFoundError, match=r"None of the files .* from the table's folder"):
        read_table(_write(root, "class,image\nwren,elsewhere/1.jpg\n"))
    with pytest.raises(FileNotFoundError, match="No table at"):
        read_table(root / "none.csv")
    with pytest.raises(ValueError, match=r"no column 'outing'. Received the columns: class, image"):
        read_table(_write(root, "class,image\nwren,images/1.jpg\n"), source="outing")
