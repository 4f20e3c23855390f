import shutil

import pandas as pd
import pytest

from student import feature_table, prepare_clips, read_sheets, sheet_differences


@pytest.fixture
def folder(tmp_path, recordings, hearing, store):
    """train/ and test/ with sheets of their own features; two sources of each species are held out."""
    for side in ("train", "test"):
        (tmp_path / side).mkdir()
    table = feature_table(prepare_clips(recordings, hearing, store=store, progress=False))
    sides = []
    for one, name in zip(recordings, table["file_name"], strict=True):
        sides.append("test" if "4_" in name or "5_" in name else "train")
        shutil.copy(one.path, tmp_path / sides[-1] / name)
    for side, part in table.groupby(sides):
        part.to_excel(tmp_path / side / f"{side}_metadata.xlsx", index=False)
    return tmp_path


def test_sheets_that_were_written_are_read_and_agree_with_the_files(folder, hearing, store):
    sheets = read_sheets(folder)
    assert (len(sheets.training), len(sheets.held_out), len(sheets.validation)) == (24, 12, 0)
    clips = prepare_clips(sheets.training, hearing, store=store, progress=False)
    assert sheet_differences(clips, sheets.given) == []


def test_columns_that_say_something_else_than_the_files_are_listed(folder, hearing, store):
    path = folder / "train" / "train_metadata.xlsx"
    table = pd.read_excel(path)
    table.loc[0, "spectral_centroid"] *= 2
    table.loc[1, "sample_rate"] = 44_100
    table.to_csv(folder / "train_metadata.csv", index=False)
    path.unlink()
    sheets = read_sheets(folder)
    clips = prepare_clips(sheets.training, hearing, store=store, progress=False)
    found = sheet_differences(clips, sheets.given)
    assert {(d.path.name, d.column) for d in found} == {
        (table.loc[0, "file_name"], "spectral_centroid"),
        (table.loc[1, "file_name"], "sample_rate"),
    }


def test_a_copy_of_a_training_file_in_the_test_folder_is_refused(folder):
    table = pd.read_excel(folder / "test" / "test_metadata.xlsx")
    train = pd.read_excel(folder / "train" / "train_metadata.xlsx").iloc[[0]]
    shutil.copy(folder / "train" / train["file_name"].item(), folder / "test" / "copy.wav")
    both = pd.concat([table, train.assign(file_name="copy.wav")])
    both.to_excel(folder / "test" / "test_metadata.xlsx", index=False)
    with pytest.raises(ValueError, match="the same sound, is on two sides"):
        read_sheets(folder)


def test_all_rows_that_cannot_be_used_are_told_at_once(folder):
    path = folder / "train" / "train_metadata.xlsx"
    table = pd.read_excel(path)
    table.loc[0, "file_name"] = "gone.wav"
    table.loc[1, "species_name"] = None
    table.to_excel(path, index=False)
    with pytest.raises(ValueError, match=r"(?s)2 rows of sheets.*gone\.wav.*species_name is empty"):
        read_sheets(folder)
