import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from individuals import Sighting
from individuals.outputs import COLUMNS, read_sightings, write_sightings

MONDAY = {"media": "pond/monday.mp4", "start_seconds": 0.1, "end_seconds": 2.0}
WREN = Sighting(individual="1", name="Zaunkönig 鳥", **MONDAY)
ENDINGS = [".csv", ".json", ".parquet"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_table_without_sightings_has_its_columns(tmp_path, ending):
    path = write_sightings(tmp_path / f"none{ending}", [])
    assert read_sightings(path) == []
    names = list(COLUMNS)
    if ending == ".csv":
        assert path.read_text() == ",".join(names) + "\n"
    elif ending == ".json":
        assert json.loads(path.read_text())["columns"] == names
    else:
        from pyarrow import parquet

        assert parquet.read_schema(path).names == names


def test_a_file_name_that_is_not_unicode_survives_where_the_format_can_hold_it(tmp_path):
    odd = replace(WREN, media=os.fsdecode(b"caf\xe9.mp4"))
    for name in ("odd.csv", "odd.json"):
        assert read_sightings(write_sightings(tmp_path / name, [odd])) == [odd]
    with pytest.raises(ValueError, match=r"Parquet cannot hold it: 'caf\\udce9.mp4' is"):
        write_sightings(tmp_path / "odd.parquet", [odd])
    assert not (tmp_path / "odd.parquet").exists()


def test_a_name_that_a_spreadsheet_would_run_is_written_as_text(tmp_path):
    evil = replace(WREN, name='=HYPERLINK("http://x")', media="@cam/-1.mp4")
    text = write_sightings(tmp_path / "evil.csv", [evil]).read_text(encoding="utf-8")
    assert '"\'=HYPERLINK(""http://x"")"' in text
    assert "'@cam/-1.mp4" in text
    assert read_sightings(tmp_path / "evil.csv") == [evil]


def test_a_table_that_a_spreadsheet_has_saved_is_read(tmp_path):
    path = tmp_path / "saved.csv"
    header = "individual;media;start_seconds;end_seconds;frame_index;note\r\n"
    text = header + "7;teich.mp4;0,5;1,25;12.0;x\r\n;;;;;\r\n"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    (read,) = read_sightings(path)
    assert (read.start_seconds, read.end_seconds, read.frame_index) == (0.5, 1.25, 12)


def test_rows_that_are_no_sightings_are_all_listed(tmp_path):
    path = tmp_path / "wrong.csv"
    header = "individual,media,start_seconds,end_seconds,tracklet,captured_at,box_left_px\n"
    rows = ["1,a,x,2,,,", ",a,1,2,,,", "1,a,2,1,,,"]
    rows += ["1,a,1,2,1.5,,", "1,a,1,2,,noon,", "1,a,1,2,,,3"]
    path.write_text(header + "\n".join(rows))
    with pytest.raises(ValueError, match="rows that are no sightings") as error:
        read_sightings(path)
    for part in (
        "row 2: .*start_seconds must be a number, received 'x'",
        "row 3: individual must not be empty",
        "row 4: .*start_seconds <= end_seconds",
        "row 5: .*tracklet must be a whole number, received '1.5'",
        "row 6: .*captured_at must be a time, such as",
        "row 7: a box needs all of",
    ):
        assert error.match(part)


def test_a_damaged_parquet_file_and_another_ending_are_refused(tmp_path):
    path = write_sightings(tmp_path / "torn.parquet", [WREN])
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match="is no Parquet file, or damaged"):
        read_sightings(path)
    with pytest.raises(ValueError, match=r"ends in \.csv, \.parquet, \.json, received"):
        write_sightings(tmp_path / "sightings.xlsx", [])


def test_other_json_is_refused(tmp_path):
    path = tmp_path / "other.json"
    of_ours = '{"format": "fused-encoder sightings", "version": '
    for text in ("[]", of_ours + '9, "sightings": []}', of_ours + "1}"):
        path.write_text(text)
        with pytest.raises(ValueError, match="holds no sightings that this version reads"):
            read_sightings(path)
    path.write_text("{")
    with pytest.raises(ValueError, match="is no JSON"):
        read_sightings(path)


def test_the_page_of_outputs_says_what_each_column_means():
    page = (Path(__file__).resolve().parents[3] / "docs" / "outputs.md").read_text("utf-8")
    for column in COLUMNS:
        assert f"| `{column}` | " in page
