"""What is written is read back as it was, whatever the names and numbers are."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from individuals import Sighting
from individuals import outputs as formats
from inference.modalities import MODALITIES

letters = st.characters(exclude_categories=["Cs"])
texts = st.text(letters, min_size=1, max_size=12) | st.sampled_from(
    ["=1+1", "'=x", "-wren", "@b", "+1", "a,b", 'say "wren"', "two\r\nlines", ";", "\t", "NA", "鳥"]
)
lines = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=12)
seconds = st.floats(0, 1e12) | st.sampled_from([0.0, 1e-7, 1 / 3, 1e15])
shares = st.floats(0, 1)
zones = (
    st.none()
    | st.just(UTC)
    | st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
)
moments = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=zones)


@st.composite
def boxes(draw):
    left, top = draw(st.floats(-100, 4000)), draw(st.floats(-100, 4000))
    return left, top, left + draw(st.floats(0.5, 500)), top + draw(st.floats(0.5, 500))


@st.composite
def sightings(draw, text=texts, modality=None):
    start, end = sorted([draw(seconds), draw(seconds)])
    low, high = sorted([draw(st.floats(0, 2e4)), draw(st.floats(0, 2e4))])
    maybe = st.none() | text
    return Sighting(
        individual=draw(text),
        media=draw(text),
        start_seconds=start,
        end_seconds=end,
        modality=modality or draw(st.sampled_from(MODALITIES)),
        name=draw(maybe),
        species=draw(maybe),
        captured_at=draw(st.none() | moments),
        frame_index=draw(st.none() | st.integers(0, 2**63 - 1)),
        box=draw(st.none() | boxes()),
        frame_width_px=draw(st.none() | st.integers(1, 10000)),
        frame_height_px=draw(st.none() | st.integers(1, 10000)),
        low_frequency_hz=draw(st.sampled_from([None, low])),
        high_frequency_hz=draw(st.sampled_from([None, high])),
        tracklet=draw(st.none() | st.integers(-1, 2**40)),
        similarity=draw(st.none() | st.floats(-1, 1)),
        probability=draw(st.none() | shares),
        quality=draw(st.none() | shares),
        occasion=draw(maybe),
        deployment=draw(maybe),
        place=draw(maybe),
        decided_by=draw(text),
    )


@pytest.fixture(scope="module")
def new_path(tmp_path_factory):
    """A path that nothing was written to; hypothesis asks for many."""
    folder, numbers = tmp_path_factory.mktemp("written"), count()
    return lambda ending: folder / f"{next(numbers)}{ending}"


few = settings(max_examples=60)


@pytest.mark.parametrize("ending", [".csv", ".json", ".parquet"])
@few
@given(written=st.lists(sightings(), max_size=4))
def test_a_table_is_read_back_as_it_was_written(new_path, ending, written):
    path = formats.write_sightings(new_path(ending), written)
    assert formats.read_sightings(path) == written


@few
@given(written=st.lists(sightings(), max_size=5), more=st.lists(texts, max_size=3))
def test_a_capture_history_is_read_back_as_it_was_written(new_path, written, more):
    occasions = list(dict.fromkeys([*(s.media for s in written), *more]))
    assumed = [occasion for occasion in occasions if occasion != "individual"]
    history = formats.capture_history(
        [s for s in written if s.media in assumed], occasion_of="media", all_occasions=assumed
    )
    path = formats.write_capture_history(new_path(".csv"), history)
    assert formats.read_capture_history(path) == history


def heard(sighting, **known):
    """As a selection table or label track can hold it."""
    kept = ("individual", "media", "start_seconds", "end_seconds")
    kept += ("low_frequency_hz", "high_frequency_hz")
    return Sighting(**{name: getattr(sighting, name) for name in kept}, modality="audio", **known)


@few
@given(written=st.lists(sightings(lines), max_size=5), long=st.floats(0, 1e5))
def test_selections_of_several_recordings_are_read_back_to_the_last_digit(new_path, written, long):
    for number, call in enumerate(written):
        band = {"low_frequency_hz": call.low_frequency_hz or 0.0, "high_frequency_hz": 2e4}
        start = call.start_seconds % 1e5
        written[number] = replace(call, start_seconds=start, end_seconds=start + 1, **band)
    durations = dict.fromkeys([s.media for s in written], long)
    path = formats.write_raven_table(new_path(".txt"), written, durations_seconds=durations)
    known = ("name", "species", "probability")
    expected = [heard(s, **{name: getattr(s, name) for name in known}) for s in written]
    order = list(durations)
    expected.sort(key=lambda s: (order.index(s.media), s.start_seconds, s.end_seconds))
    assert formats.read_raven_table(path) == expected


@few
@given(written=st.lists(sightings(lines), max_size=5))
def test_labels_are_read_back_to_the_last_digit(new_path, written):
    written = [replace(s, media="pond.wav") for s in written]
    path = formats.write_audacity_labels(new_path(".txt"), written)
    expected = sorted(map(heard, written), key=lambda s: (s.start_seconds, s.end_seconds))
    assert formats.read_audacity_labels(path, media="pond.wav") == expected


@few
@given(names=st.lists(texts, min_size=1, max_size=6, unique=True))
def test_the_lines_for_mark_have_one_history_for_each_individual(new_path, names):
    seen_in_may = np.tile([1, 0], (len(names), 1))
    history = formats.CaptureHistory(tuple(names), ("may", "june"), seen_in_may)
    text = formats.write_mark_inp(new_path(".inp"), history).read_text(encoding="utf-8")
    lines = text.split("\n")[:-1]
    assert len(lines) == len(set(lines)) == len(names)
    for line in lines:
        assert line.startswith("/* ")
        assert line.count("*/") == line.count("/*") == line.count(";") == 1
        assert line.endswith("*/ 10 1;")
