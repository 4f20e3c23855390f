from datetime import UTC, date, datetime

import numpy as np
import pytest

from individuals import Sighting
from individuals.outputs import (
    CaptureHistory,
    capture_history,
    every_days,
    occasion_dates,
    read_capture_history,
    write_capture_history,
    write_mark_inp,
    write_secr_captures,
)
from individuals.outputs.capture_history import natural_order


def met(individual, media="a.mp4", **known):
    return Sighting(individual=individual, media=media, start_seconds=0, end_seconds=1, **known)


def on(day, hour=12):
    return datetime(2026, 5, day, hour, tzinfo=UTC)


def test_occasions_without_sightings_are_columns_of_zeros():
    history = capture_history(
        [met("2", "a"), met("10", "a"), met("2", "c"), met("2", "c")],
        occasion_of="media",
        all_occasions=["a", "b", "c", "d"],
    )
    assert history.individuals == ("2", "10")
    assert history.histories == {"2": "1010", "10": "1000"}
    assert history.matrix.dtype == np.uint8


def test_nobody_met_is_a_history_of_nobody(tmp_path):
    history = capture_history([], all_occasions=["may", "june"])
    assert (history.matrix.shape, history.histories) == ((0, 2), {})
    assert write_capture_history(tmp_path / "h.csv", history).read_text() == "individual,may,june\n"
    assert read_capture_history(tmp_path / "h.csv") == history
    assert write_mark_inp(tmp_path / "h.inp", history).read_bytes() == b""


def test_an_occasion_may_be_what_the_sighting_says_a_date_or_a_mapping():
    sightings = [
        met("1", "a.mp4", occasion="spring", captured_at=on(1)),
        met("1", "b.mp4", occasion="autumn", captured_at=on(3)),
    ]
    by = [capture_history(sightings, occasion_of=way).occasions for way in ("occasion", "date")]
    assert by == [("autumn", "spring"), ("2026-05-01", "2026-05-03")]
    late = datetime.fromisoformat("2026-05-01T23:59:59.5-07:00")  # by the clock of its media
    assert capture_history([met("1", captured_at=late)], occasion_of="date").occasions == by[1][:1]
    with pytest.raises(ValueError, match="Unknown occasion_of 'Date'"):
        capture_history([], occasion_of="Date")
    mapped = capture_history(sightings, occasion_of={"a.mp4": "x", "b.mp4": "x"})
    assert mapped.histories == {"1": "1"}


def test_occasions_of_a_week():
    sightings = [met("1", captured_at=on(day)) for day in (1, 7, 8, 21)]
    history = capture_history(
        sightings,
        occasion_of=every_days(7, date(2026, 5, 1)),
        all_occasions=occasion_dates(date(2026, 5, 1), date(2026, 5, 31), 7),
    )
    assert history.occasions == tuple(f"2026-05-{day:02}" for day in (1, 8, 15, 22, 29))
    assert history.histories == {"1": "11100"}


def test_sightings_without_the_occasion_they_need_are_refused_and_listed():
    with pytest.raises(
        ValueError, match=r"2 sightings .*: individual 1 in 'a.mp4' .*; individual 2"
    ):
        capture_history([met("1"), met("2", "b.mp4"), met("3", occasion="may")])
    with pytest.raises(ValueError, match=r"individual 1 in 'a\.mp4'"):
        capture_history([met("1", captured_at=on(1))], occasion_of=every_days(7, date(2026, 6, 1)))
    with pytest.raises(ValueError, match=r"has 'june', which is not among all_occasions"):
        capture_history([met("1", occasion="june")], all_occasions=["may"])


@pytest.mark.parametrize(
    ("individuals", "occasions", "matrix", "message"),
    [
        (("1",), ("a",), [[2]], "must hold 0 and 1"),
        (("1",), ("a", "b"), [[1]], r"have the shape \(1, 2\)"),
        (("1",), ("a", "a"), [[1, 0]], "occasions 'a' are there twice"),
    ],
)
def test_what_is_no_history_is_refused(individuals, occasions, matrix, message):
    with pytest.raises(ValueError, match=message):
        CaptureHistory(individuals, occasions, np.array(matrix))


def test_the_lines_for_mark(tmp_path):
    history = CaptureHistory(
        ("7", "b */;\nc"), ("a", "b", "c", "d"), np.array([[0, 1, 1, 0], [1, 0, 0, 0]])
    )
    with pytest.raises(ValueError, match="at least one occasion"):
        write_mark_inp(tmp_path / "h.inp", capture_history([]))
    text = write_mark_inp(tmp_path / "h.inp", history).read_bytes()
    assert text == b"/* 7 */ 0110 1;\r\n/* b___c */ 1000 1;\r\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,individual\n1,2\n", "Expected the column individual, then one"),
        ("individual,may\n7,2\n8,0\n", "one of 0 and 1 for each occasion"),
        ("individual,may,june\n7,1\n", "received the columns 'individual', 'may'"),
    ],
)
def test_what_is_no_file_of_a_history_is_refused(tmp_path, text, message):
    (tmp_path / "h.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_capture_history(tmp_path / "h.csv")


def test_captures_for_secr_have_occasion_and_detector_or_are_refused(tmp_path):
    sightings = [
        met("10", occasion="june", place="pond one"),
        met("3_a", occasion="june", place="pond one"),
        met("3 a", occasion="june", place="pond one"),
        met("2", occasion="may", deployment="cam_1"),
        met("2", occasion="may", deployment="cam_1"),
    ]
    path = write_secr_captures(
        tmp_path / "c.txt", sightings, occasion_numbers={"may": 1, "june": 2}, session="2026"
    )
    assert path.read_text().splitlines() == [
        "# Session ID Occasion Detector",
        "2026 2 1 cam-1",
        "2026 3-a 2 pond-one",
        "2026 3-a-2 2 pond-one",  # names that become alike stay apart
        "2026 10 2 pond-one",
    ]

    without = [met("1", "a", occasion="may"), met("1", "b", place="pond")]
    with pytest.raises(ValueError, match=r"a place or deployment, and .*; not so in 'a', 'b'"):
        write_secr_captures(tmp_path / "c.txt", without, occasion_numbers={"may": 1})


def test_numbers_are_sorted_by_value():
    names = ["wren 10", "wren 2", "10", "9", "wren"]
    assert sorted(names, key=natural_order) == ["9", "10", "wren", "wren 2", "wren 10"]
