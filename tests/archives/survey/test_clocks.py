"""When a file begins: by its name, its recorder, its camera; and whether that can be."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from archives.survey import Clock, SurveyedFile
from archives.survey.clocks import (
    Origin,
    clocks_agree,
    origin_in_header,
    origin_in_name,
    with_clock_faults,
)
from media.headers import MediaHeader

NOW = datetime(2026, 11, 26, tzinfo=UTC)


def origin_in(**notes):
    return origin_in_header(MediaHeader(notes=notes))


@pytest.mark.parametrize(
    ("name", "begins", "recorder", "serial"),
    [
        ("5E90A4D4.WAV", "2020-04-10T16:54:44+00:00", None, None),
        ("24F31901603710E1_20230514_053000.WAV", "2023-05-14T05:30:00", *2 * ["24F31901603710E1"]),
        ("SM4_20230514_053000.wav", "2023-05-14T05:30:00", "SM4", None),
        ("S4A01234_0+1_20230514_053000.wav", "2023-05-14T05:30:00", "S4A01234_0+1", "S4A01234"),
        ("PXL_20230514_053000123.jpg", "2023-05-14T05:30:00", "PXL", None),
        ("2023-05-14T05-30-00.flac", "2023-05-14T05:30:00", None, None),
        ("pond 2023-05-14 05.30.jpg", "2023-05-14T05:30:00", "pond", None),
        ("20230514T053000+0200.wav", "2023-05-14T05:30:00+02:00", None, None),
    ],
)
def test_a_name_tells_when_and_by_what_it_was_recorded(name, begins, recorder, serial):
    found = origin_in_name(Path(name))
    assert found.clock.time.isoformat() == begins
    assert (found.recorder, found.serial) == (recorder, serial)


NO_TIMES = """XC123456.mp3 20231399_053000.wav IMG-20230514-WA0001.jpg 20230514.WAV 5E90A4D4.jpg
20230514_12345678.wav 00000001.WAV 20230230_101010.wav"""


@pytest.mark.parametrize("name", NO_TIMES.split())
def test_a_name_that_tells_no_time_is_not_taken_for_one(name):
    assert origin_in_name(Path(name)) == Origin()


def test_a_name_without_seconds_is_exact_to_the_minute():
    assert origin_in_name(Path("20230514_0530.wav")).clock.resolution_seconds == 60


@pytest.mark.parametrize(
    ("zone", "offset"), [("UTC", "+00:00"), ("UTC+1", "+01:00"), ("UTC-3:30", "-03:30")]
)
def test_audiomoths_comment_tells_start_zone_and_device(zone, offset):
    text = f"Recorded at 05:30:00 14/05/2023 ({zone}) by AudioMoth 24F31901603710E1 at medium gain."
    found = origin_in(comment=text)
    assert found.clock.time.isoformat() == f"2023-05-14T05:30:00{offset}"
    assert found.serial == "24F31901603710E1"


def test_guano_tells_start_and_serial():
    found = origin_in(timestamp="2023-05-14 05:30:00+02:00", serial="S4A1")
    assert found.clock.time.isoformat() == "2023-05-14T05:30:00+02:00"
    assert found.serial == "S4A1"


def test_exif_tells_when_and_with_what():
    found = origin_in(camera="Bushnell", time="2023:05:14 05:30:00", time_zone="+02:00")
    assert found.clock.time.isoformat() == "2023-05-14T05:30:00+02:00"
    assert found.recorder == "Bushnell"


@pytest.mark.parametrize(
    "notes",
    [
        {},
        {"comment": "a comment"},
        {"comment": "Recorded at 05:30:00 99/05/2023 (UTC)"},
        {"timestamp": "yesterday"},
        {"time": "0000:00:00 00:00:00"},
        {"creation_time": "1970-01-01T00:00:00.000000Z"},
    ],
)
def test_what_is_no_clock_or_was_never_set_is_none(notes):
    assert origin_in(**notes) == Origin()


@pytest.mark.parametrize(
    ("begins", "is_told"),
    [("1970-01-01", True), ("2000-01-05", True), ("2027-05-14", True), ("2000-05-14", False)],
)
def test_clocks_that_cannot_be_are_told(begins, is_told, recording):
    assert with_clock_faults(recording(begins), NOW).has("impossible_clock") == is_told


@pytest.mark.parametrize(
    ("other", "agree"),
    [
        ("2023-05-14T07:30:00", True),
        ("2023-05-13T22:45:30", True),
        ("2023-05-14T05:37:00", False),
        ("2023-05-16T05:30:00", False),
    ],
)
def test_clocks_agree_up_to_a_time_zone_in_either_order(other, agree):
    one, two = (Clock(datetime.fromisoformat(t), "name") for t in ("2023-05-14T05:30:00", other))
    assert clocks_agree(one, two) == clocks_agree(two, one) == agree


def test_a_photo_whose_name_contradicts_its_exif_is_told():
    clocks = [Clock(datetime(2023, 5, day), source) for day, source in ((14, "exif"), (20, "name"))]
    file = SurveyedFile(Path("a.jpg"), "photo", 1, clock=clocks[0], other_clocks=(clocks[1],))
    (fault,) = with_clock_faults(file, NOW).faults
    assert "2023-05-14 00:00:00 by its EXIF, but 2023-05-20 00:00:00 by its name" in fault.text
