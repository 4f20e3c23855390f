"""Files that appear whole or not at all, tables for spreadsheets, and lists in messages."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.atomic import atomic_file, write_atomically, write_text_atomically
from media.cells import guard_cell, read_csv_rows, unguard_cell, write_csv
from media.wording import some_names, some_problems

ALARMING = ["=1+1", "'=x", "--1", "-1+cmd|'/C calc'!A0", "@b", "+1", "\t=1", "＝1", "-1.", "-1e"]
letters = st.text("=+-@'1.e\t\r\n＝a", max_size=5) | st.sampled_from(ALARMING)


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = write_text_atomically(tmp_path / "new folder" / "a.txt", "old \udcff")

    def write_half() -> None:
        with atomic_file(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_half()
    assert path.read_bytes() == b"old \xff"
    assert list(path.parent.iterdir()) == [path]
    assert write_atomically(path, b"new").read_bytes() == b"new"


def test_a_temporary_file_fits_beside_the_longest_name_and_keeps_the_extension(tmp_path):
    path = tmp_path / ("x" * 251 + ".csv")
    with atomic_file(path) as temporary:
        assert temporary.suffix == ".csv"
        temporary.touch()
    assert path.exists()


@given(text=letters)
def test_guarding_a_cell_makes_text_of_formulas_and_can_be_undone(text):
    guarded = guard_cell(text)
    assert unguard_cell(guarded) == text
    is_number = guarded[:1] == "-" and guarded[-1:].isdigit() and float(guarded) <= 0
    assert is_number or not guarded.startswith(tuple("=+-@\t\r\n＝"))


@pytest.mark.parametrize("text", ["-1", "-0.25", "-1e-05", "wren 3", "'tis"])
def test_numbers_and_other_text_stay_as_they_are(text):
    assert guard_cell(text) == text


def test_a_table_for_spreadsheets_is_read_back(tmp_path):
    rows = [["--1", -0.1, None], ['say "a, b"', 1e-300, True], ["x\udcff", 3, "=SUM(A1)"]]
    path = write_csv(tmp_path / "new" / "a.csv", ["id", "=number", "c"], iter(rows), for_excel=True)
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        assert [row[0][:2] for row in csv.reader(file)] == ["id", "'-", "sa", "x\udcff"]
    header, numbered = read_csv_rows(path, "id")
    assert [number for number, _ in numbered] == [2, 3, 4]
    read = [row for _, row in numbered]
    assert header == ["id", "=number", "c"]
    assert [row["id"] for row in read] == ["--1", 'say "a, b"', "x\udcff"]
    assert [float(row["=number"]) for row in read] == [-0.1, 1e-300, 3]
    assert [row["c"] for row in read] == ["", "true", "=SUM(A1)"]


def test_lists_in_messages_name_the_first_few():
    names = ["a", "b\n", "c's"]
    assert some_names(names) == "'a', 'b\\n', \"c's\""
    assert some_names(names, most=1) == "'a' and 2 more"
    assert some_problems(["no photo", "no sound"]) == "no photo; no sound"
    assert some_problems(["x"] * 12, separator="\n  ") == "\n  ".join(["x"] * 10) + "\n  and 2 more"
