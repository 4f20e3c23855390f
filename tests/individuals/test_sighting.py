import json
from datetime import UTC, datetime

import numpy as np
import pytest

from individuals.sighting import Sighting


def sighting(**changes):
    known = {"individual": "7", "media": "pond.mp4", "start_seconds": 1.0, "end_seconds": 2.5}
    return Sighting(**known | changes)


def test_numbers_of_numpy_become_plain_and_a_number_as_individual_its_text():
    made = sighting(individual=np.int32(7), start_seconds=np.float32(0.5), tracklet=np.int64(3))
    assert (made.individual, made.start_seconds, made.tracklet) == ("7", 0.5, 3)
    assert type(made.start_seconds) is float
    assert type(made.tracklet) is int
    assert sighting(name="", place="").name is None
    ways = {way: sighting(modality=way) for way in ("image", "audio", "fused")}
    assert [s.is_seen for s in ways.values()] == [True, False, True]
    assert [s.is_heard for s in ways.values()] == [False, True, True]


def test_moments_are_counted_from_the_start_of_the_media():
    made = sighting(captured_at=datetime(2026, 5, 1, 6, tzinfo=UTC))
    assert made.started_at == datetime(2026, 5, 1, 6, 0, 1, tzinfo=UTC)
    assert sighting().started_at is None
    made = sighting(captured_at=datetime(2026, 5, 1), start_seconds=1e15, end_seconds=1e15)
    with pytest.raises(ValueError, match=r"0 s after the start of 'pond\.mp4' is no date"):
        _ = made.started_at


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"media": ""}, "media is missing"),
        ({"end_seconds": 0.5}, "start_seconds <= end_seconds, received 1.0 and 0.5"),
        ({"start_seconds": float("nan")}, "received nan and 2.5"),
        ({"end_seconds": float("inf")}, "received 1.0 and inf"),
        ({"modality": "smell"}, "one of image, audio, fused, received 'smell'"),
        ({"probability": 1.5}, r"probability must be in \[0, 1\], received 1.5"),
        ({"quality": float("nan")}, r"quality must be in \[0, 1\], received nan"),
        ({"box": (5, 0, 1, 9)}, "left < right and top < bottom"),
        ({"low_frequency_hz": 9e3, "high_frequency_hz": 1e3}, "must not be above"),
        ({"tracklet": 1.5}, "tracklet must be a whole number, received 1.5"),
        ({"captured_at": "yesterday"}, "captured_at must be a time, such as"),
        ({"end_seconds": 0.0, "quality": 2.0}, "'7' in 'pond.mp4' cannot be: .*end_s.*; quality"),
    ],
)
def test_what_cannot_be_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        sighting(**changes)


def test_what_is_known_survives_json_and_nothing_else_is_written():
    made = sighting(
        time_seconds=0.0,
        box=(1, 2, 3, 4),
        seen_with=(3,),
        captured_at=datetime(2026, 5, 1, 6, tzinfo=UTC),
        metadata={"station": 4},
    )
    record = json.loads(json.dumps(made.to_dict()))
    assert Sighting.from_dict(record | {"of a newer version": 1}) == made
    assert "species" not in record


def test_a_sighting_lasts_a_moment_unless_it_is_told_otherwise():
    made = Sighting(media="a.mp4", time_seconds=2.5)
    assert (made.start_seconds, made.end_seconds, made.key) == (2.5, 2.5, "a.mp4#t=2.500")
    photo = Sighting(media="a.jpg")
    assert (photo.start_seconds, photo.end_seconds, photo.key) == (0.0, 0.0, "a.jpg")
