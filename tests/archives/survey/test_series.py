"""Recordings in time: what follows what, what overlaps, what is missing, how much was heard."""

from datetime import date, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archives.survey.schedule import schedule_of
from archives.survey.series import series_of, with_overlaps


def test_recordings_are_grouped_by_place_and_recorder_and_sorted(recording):
    files = [
        recording("2023-05-15T05:00", folder="pond/20230515"),
        recording("2023-05-14T05:00", folder="pond/20230514"),
        recording("2023-05-14T05:00", folder="hill", serial="S4A01234"),
        recording("2023-05-14T05:00", folder="hill", serial="S4A05678"),
    ]
    found = [(str(one.folder), one.recorder, len(one.files)) for one in series_of(files)]
    assert found == [("hill", "S4A01234", 1), ("hill", "S4A05678", 1), ("pond", None, 2)]
    assert [file.begin.day for file in series_of(files)[-1].files] == [14, 15]


def test_numbers_before_the_time_are_no_recorders(recording, nights):
    files = [recording(t, recorder=f"{n:04}") for n, t in enumerate(nights(1))]
    assert [one.recorder for one in series_of(files)] == [None]


def test_a_file_that_begins_before_an_earlier_one_ends_is_told(recording):
    files = [
        recording("2023-05-14T05:00", 1300),
        *(recording(f"2023-05-14T05:{minute}", 1) for minute in (10, 20, 30)),
    ]
    found = with_overlaps(files, set())
    assert [file.has("overlap") for file in found] == [False, True, True, False]
    assert "begins 2023-05-14 05:20:00, 100 s before" in found[2].faults[0].text


@pytest.mark.parametrize(
    ("one", "other", "overlaps"),
    [
        ({"serial": "S4A01234", "folder": "a"}, {"serial": "S4A01234", "folder": "b"}, True),
        ({"serial": "S4A01234", "recorder": "S4A01234_0"}, {"serial": "S4A01234"}, False),
        ({"recorder": "SM4", "folder": "a"}, {"recorder": "SM4", "folder": "b"}, False),
    ],
    ids=["serial number", "channels", "no serial number"],
)
def test_one_recorder_overlaps_itself_wherever_its_files_lie(one, other, overlaps, recording):
    files = [recording("2023-05-14T05:00", **names) for names in (one, other)]
    assert any(file.has("overlap") for file in with_overlaps(files, set())) == overlaps
    assert not any(file.has("overlap") for file in with_overlaps(files, {files[1].path}))


@settings(max_examples=40)
@given(st.integers(0, 19), st.integers(1, 59), st.integers(1, 59))
def test_whatever_is_taken_out_of_a_season_is_missed_exactly(nights, night, first, num):
    starts = nights(20)
    begin = min(max(night * 60 + first, 1), len(starts) - 2)
    end = min(begin + num, len(starts) - 1)
    gaps = schedule_of(starts[:begin] + starts[end:]).gaps
    assert sum(gap.num_missing for gap in gaps) == end - begin
    assert all(gap.after >= starts[begin - 1] and gap.until <= starts[end] for gap in gaps)


def test_two_missing_nights_near_each_other_are_both_told(nights):
    starts = [s for s in nights(12) if (s - timedelta(hours=12)).day not in (18, 20)]
    assert [gap.num_missing for gap in schedule_of(starts).gaps] == [60, 60]


def test_a_changed_schedule_is_told_as_such_and_not_as_gaps(nights):
    starts = nights(10) + nights(10, minutes=30, first="2023-05-24T20:00")
    schedule = schedule_of(starts)
    assert schedule.gaps == ()
    assert [step.seconds for step in schedule.steps] == [600, 1800]


def test_a_schedule_that_follows_the_sun_has_no_gaps():
    starts = [
        datetime(2023, 3, 1, 6) + timedelta(days=day, minutes=10 * n - 2 * day)
        for day in range(60)
        for n in range(12)
    ]
    assert schedule_of(starts).gaps == ()


def test_a_gap_longer_than_the_season_around_it_is_counted_by_the_day(nights):
    starts = nights(3) + nights(3, first="2023-06-14T20:00")
    (gap,) = schedule_of(starts).gaps
    assert gap.num_missing == 28 * 60


def test_in_a_single_day_the_step_alone_decides(nights):
    starts = nights(1)
    (gap,) = schedule_of(starts[:20] + starts[23:]).gaps
    assert gap.num_missing == 3


def test_channels_in_files_of_their_own_are_one_schedule(nights):
    starts = nights(4)
    assert schedule_of(starts + starts) == schedule_of(starts)


def test_a_triggered_recorder_has_no_schedule_and_no_gaps():
    passed = np.cumsum(np.random.default_rng(0).exponential(3600, 300))
    schedule = schedule_of([datetime(2023, 5, 14) + timedelta(seconds=s) for s in passed])
    assert not schedule.is_regular
    assert schedule.gaps == ()


def test_hours_agree_with_counting_second_by_second(recording, nights):
    starts = nights(3, minutes=30)
    (series,) = series_of([recording(start, 1500) for start in starts])
    days = series.coverage
    seconds = [start + timedelta(seconds=s) for start in starts for s in range(1500)]
    for day in days:
        of_day = sum(second.date() == day.date for second in seconds)
        of_night = sum((second - timedelta(hours=12)).date() == day.date for second in seconds)
        assert (day.day_hours, day.night_hours) == pytest.approx((of_day / 3600, of_night / 3600))
    assert sum(day.day_hours for day in days) == pytest.approx(len(seconds) / 3600)
    assert days[0].date == date(2023, 5, 14)
