import pytest

from individuals import Sighting
from individuals.outputs import (
    read_audacity_labels,
    read_raven_table,
    write_audacity_labels,
    write_raven_table,
)


def heard(individual="7", media="pond.wav", start=1.5, end=2.0, **known):
    known |= {"start_seconds": start, "end_seconds": end, "modality": "audio"}
    return Sighting(individual=individual, media=media, **known)


def table(path):
    lines = path.read_text(encoding="utf-8").splitlines()
    header = lines[0].split("\t")
    return [dict(zip(header, line.split("\t"), strict=True)) for line in lines[1:]]


def test_a_selection_says_when_which_band_and_who(tmp_path):
    band = {"low_frequency_hz": 2000, "high_frequency_hz": 5500.5}
    call = heard(name="Bru\t\r\nno", probability=1e-7, **band)
    path = write_raven_table(tmp_path / "t.txt", [call])
    (row,) = table(path)
    assert row["Selection"] == "1"
    assert (row["Begin Time (s)"], row["End Time (s)"]) == ("1.5", "2.0")
    assert (row["Low Freq (Hz)"], row["High Freq (Hz)"]) == ("2000.0", "5500.5")
    assert (row["Begin File"], row["Individual"], row["Name"]) == ("pond.wav", "7", "Bru no")
    assert row["Probability"] == "0.0000001"


def test_selections_of_a_sequence_count_from_its_start(tmp_path):
    path = write_raven_table(
        tmp_path / "t.txt",
        [heard(media="b.wav"), heard(media="a.wav")],
        durations_seconds={"a.wav": 60.1, "silent.wav": 10, "b.wav": 30},
    )
    assert [row["Begin Time (s)"] for row in table(path)] == ["1.5", "71.6"]
    assert [row["File Offset (s)"] for row in table(path)] == ["1.5", "1.5"]


def test_nobody_heard_is_a_table_with_a_header_and_an_empty_label_track(tmp_path):
    path = write_raven_table(tmp_path / "t.txt", [])
    assert path.read_text().startswith("Selection\tView\tChannel\tBegin Time (s)\t")
    assert read_raven_table(path) == []
    assert write_audacity_labels(tmp_path / "l.txt", []).read_bytes() == b""


RAVEN_LITE = (
    "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tSpecies\r\n"
    "1\tWaveform 1\t1\t1.5\t2.0\t\t\tEATO\r\n"
    "1\tSpectrogram 1\t1\t1.5\t2.0\t2878.2\t4049.0\tEATO\r\n"
    "2\tSpectrogram 1\t1\t4.0\t5.0\t2878.2\t4049.0\t\r\n"
)


def test_a_table_that_people_made_in_raven_is_read(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text(RAVEN_LITE)
    (read,) = read_raven_table(path, media="pond.wav", individual_column="Species")
    assert (read.individual, read.media, read.is_heard) == ("EATO", "pond.wav", True)
    assert (read.start_seconds, read.end_seconds) == (1.5, 2.0)


def test_a_table_without_what_is_needed_is_refused(tmp_path):
    path = tmp_path / "t.txt"
    path.write_text(RAVEN_LITE)
    with pytest.raises(ValueError, match=r"has no column Individual, Begin Path or Begin File"):
        read_raven_table(path)


def test_lines_that_cannot_be_read_are_all_listed(tmp_path):
    path = tmp_path / "t.txt"
    text = RAVEN_LITE.replace("4.0\t5.0\t2878.2\t4049.0\t", "x\t5\t0\t1\tA")
    path.write_text(text.replace("1.5\t2", "3\t2"))
    with pytest.raises(ValueError, match=r"line 2: .*start_seconds <= end_.*; line 4: .*'x'"):
        read_raven_table(path, media="pond.wav", individual_column="Species")


def test_labels_have_a_line_of_frequencies_where_they_are_known(tmp_path):
    calls = [heard(start=3, end=4), heard("9", start=3.5, end=9)]
    calls.insert(1, heard("8", low_frequency_hz=2000.5))
    path = write_audacity_labels(tmp_path / "l.txt", calls)
    assert path.read_text() == "1.5\t2.0\t8\n\\\t2000.5\t-1\n3.0\t4.0\t7\n3.5\t9.0\t9\n"


def test_labels_that_people_made_in_audacity_are_read(tmp_path):
    path = tmp_path / "l.txt"
    point = "1.000000\t1.000000\tclick\n\\\t6928.456055\t6928.456055\n"
    text = point + "2.0\t2.5\t\n\\\t-1.0\t6334.5\n3\t4\ta\tb\n"
    path.write_text(text)
    click, both = read_audacity_labels(path, media="pond.wav")
    assert (click.individual, click.low_frequency_hz) == ("click", 6928.456055)
    assert (both.individual, both.start_seconds, both.low_frequency_hz) == ("a\tb", 3.0, None)


def test_label_lines_that_cannot_be_read_are_all_listed(tmp_path):
    path = tmp_path / "l.txt"
    path.write_text("\\\t1\t2\n1\t2\twren\nnoon\n")
    with pytest.raises(ValueError, match=r"line 1 is no label: .*; line 3 is no label: 'noon'"):
        read_audacity_labels(path, media="pond.wav")


def test_a_band_that_is_not_known_is_all_that_can_be_heard_and_never_upside_down(tmp_path):
    for known in ({}, {"low_frequency_hz": 9e3}, {"high_frequency_hz": 50}):
        path = write_raven_table(tmp_path / "t.txt", [heard(**known)])
        (row,) = table(path)
        edges = float(row["Low Freq (Hz)"]), float(row["High Freq (Hz)"])
        assert edges[0] <= edges[1]
        assert known or edges == (0, 8000)


@pytest.mark.parametrize(
    ("write", "media", "message"),
    [
        (write_raven_table, "ab", "needs durations_seconds of each, not known of 'a', 'b'"),
        (write_raven_table, ["a\tb"], r"cannot hold paths with tabs or line breaks: 'a\\tb'"),
        (write_audacity_labels, "ab", "one recording, received sightings of 'a', 'b'"),
    ],
)
def test_what_a_file_cannot_hold_is_refused(tmp_path, write, media, message):
    with pytest.raises(ValueError, match=message):
        write(tmp_path / "t.txt", [heard(media=name) for name in media])
    assert list(tmp_path.iterdir()) == []
