"""When a file begins: by its name, its recorder, its camera."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from archives.survey.clock_faults import clocks_agree, with_clock_faults
from archives.survey.container_clock import read_container_clock
from archives.survey.exif import read_photo_tags
from archives.survey.header_clocks import read_audiomoth_comment, read_guano
from archives.survey.name_clocks import read_name_clock
from archives.survey.records import Clock, SurveyedFile

NOW = datetime(2026, 11, 26, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "begins", "recorder", "serial"),
    [
        ("20230514_053000.WAV", "2023-05-14T05:30:00", None, None),
        ("20230514_053000T.WAV", "2023-05-14T05:30:00", None, None),
        ("5E90A4D4.WAV", "2020-04-10T16:54:44+00:00", None, None),
        ("24F31901603710E1_20230514_053000.WAV", "2023-05-14T05:30:00", *2 * ["24F31901603710E1"]),
        ("SM4_20230514_053000.wav", "2023-05-14T05:30:00", "SM4", None),
        ("S4A01234_20230514_053000.wav", "2023-05-14T05:30:00", "S4A01234", "S4A01234"),
        ("S4A01234_0+1_20230514_053000.wav", "2023-05-14T05:30:00", "S4A01234_0+1", "S4A01234"),
        ("2MM01234_20230514_053000.wav", "2023-05-14T05:30:00", "2MM01234", "2MM01234"),
        ("SMU01234_20230514_053000_123.wav", "2023-05-14T05:30:00", "SMU01234", "SMU01234"),
        ("PXL_20230514_053000123.jpg", "2023-05-14T05:30:00", "PXL", None),
        ("2023-05-14T05-30-00.flac", "2023-05-14T05:30:00", None, None),
        ("pond 2023-05-14 05.30.jpg", "2023-05-14T05:30:00", "pond", None),
        ("20230514T053000Z.wav", "2023-05-14T05:30:00+00:00", None, None),
        ("20230514T053000+0200.wav", "2023-05-14T05:30:00+02:00", None, None),
    ],
)
def test_a_name_tells_when_and_by_what_it_was_recorded(name, begins, recorder, serial):
    named = read_name_clock(Path(name).stem, Path(name).suffix)
    assert named.clock.time.isoformat() == begins
    assert (named.recorder, named.serial) == (recorder, serial)


NO_TIMES = """XC123456.mp3 20231399_053000.wav IMG-20230514-WA0001.jpg 20230514.WAV wren.wav 5E90A4D4.jpg
20230514_12345678.wav DSC00001.jpg 00000001.WAV 20230230_101010.wav"""


@pytest.mark.parametrize("name", NO_TIMES.split())
def test_a_name_that_tells_no_time_is_not_taken_for_one(name):
    assert read_name_clock(Path(name).stem, Path(name).suffix) is None


def test_a_name_without_seconds_is_exact_to_the_minute():
    assert read_name_clock("20230514_0530", ".wav").clock.resolution_seconds == 60


@pytest.mark.parametrize(
    ("zone", "offset"), [("UTC", "+00:00"), ("UTC+1", "+01:00"), ("UTC-3:30", "-03:30")]
)
def test_audiomoths_comment_tells_start_zone_and_device(zone, offset):
    found = read_audiomoth_comment(
        f"Recorded at 05:30:00 14/05/2023 ({zone}) by AudioMoth 24F31901603710E1 at medium gain."
    )
    assert found.clock.time.isoformat() == f"2023-05-14T05:30:00{offset}"
    assert found.serial == "24F31901603710E1"


def test_guano_tells_start_and_serial():
    found = read_guano(
        "GUANO|Version: 1.0\nTimestamp: 2023-05-14 05:30:00+02:00\nSerial: S4A01234\n"
    )
    assert found.clock.time.isoformat() == "2023-05-14T05:30:00+02:00"
    assert found.serial == "S4A01234"


@pytest.mark.parametrize("text", ["", "a comment", "Timestamp: yesterday", "::::"])
def test_what_is_no_clock_is_none(text):
    assert read_audiomoth_comment(text) is None
    assert read_guano(text) is None


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "wrapped", [b"%s", b"\xff\xd8\xff\xe1\x00\xc8Exif\x00\x00%s", b"\x89PNG..eXIf%s"]
)
def test_exif_tells_when_and_with_what(order, wrapped, exif_block):
    block = exif_block(order, "Bushnell", "2023:05:14 05:30:00", "+02:00")
    tags = read_photo_tags(wrapped.replace(b"%s", block))
    assert tags.clock.time.isoformat() == "2023-05-14T05:30:00+02:00"
    assert tags.model == "Bushnell"


@pytest.mark.parametrize("length", range(0, 160, 7))
def test_exif_that_is_cut_off_is_no_error(length, exif_block):
    block = exif_block("<", "Bushnell", "2023:05:14 05:30:00", "+02:00")[:length]
    tags = read_photo_tags(b"\xff\xd8\xff\xe1\x00\xc8Exif\x00\x00" + block)
    assert tags is None or tags.clock is None or tags.clock.time.year == 2023


def test_a_camera_whose_clock_was_never_set_tells_none(exif_block):
    tags = read_photo_tags(exif_block("<", "Bushnell", "0000:00:00 00:00:00", ""))
    assert tags.clock is None


def test_a_container_from_a_program_that_knows_no_time_tells_none():
    assert read_container_clock({"creation_time": "1970-01-01T00:00:00.000000Z"}) is None
    assert read_container_clock({"creation_time": "2024-01-21T17:43:25.000000Z"}) is not None


@pytest.mark.parametrize(
    ("begins", "fault"),
    [
        ("1970-01-01T00:10:00", "impossible_clock"),
        ("2000-01-05T00:10:00", "impossible_clock"),
        ("2027-05-14T05:30:00", "impossible_clock"),
        ("2000-05-14T05:30:00", None),
        ("2023-05-14T05:30:00", None),
    ],
)
def test_clocks_that_cannot_be_are_told(begins, fault, recording):
    file = with_clock_faults(recording(begins), NOW)
    assert [found.kind for found in file.faults] == ([fault] if fault else [])


@pytest.mark.parametrize(
    ("other", "agree"),
    [
        ("2023-05-14T05:31:00", True),
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
