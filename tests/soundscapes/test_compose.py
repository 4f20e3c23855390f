"""A composed soundscape holds what its truth says, as loud as was asked for."""

from itertools import pairwise

import numpy as np
import pytest

from soundscapes.compose import compose_soundscape, loudest_stretch, segment_labels
from soundscapes.events import Event

RATE = 8000


def song(hertz, seconds=6.0):
    times = np.arange(round(seconds * RATE)) / RATE
    return 0.5 * np.sin(2 * np.pi * hertz * times)


def test_events_are_where_and_as_loud_as_was_asked_for():
    noise = np.random.default_rng(0).normal(0, 0.01, 3 * RATE)
    recordings = {"low": [song(500)], "high": [song(3000)]}
    waveform, truth = compose_soundscape(
        recordings,
        noise,
        sample_rate_hz=RATE,
        duration_seconds=20,
        events=[(2.0, "low"), (10.0, "high"), (18.5, "low")],
        event_seconds=(3, 3),
        signal_to_noise_db=(10, 10),
    )
    assert waveform.shape == (20 * RATE,)
    places = [(e.start_seconds, e.end_seconds, e.species) for e in truth]
    assert places == [(2.0, 5.0, "low"), (10.0, 13.0, "high"), (18.5, 20.0, "low")]
    inside = np.mean(waveform[10 * RATE : 13 * RATE] ** 2)
    outside = np.mean(waveform[6 * RATE : 9 * RATE] ** 2)
    assert 10 * np.log10(inside / outside - 1) == pytest.approx(10, abs=0.5)


def test_the_same_seed_gives_the_same_soundscape_and_events_may_overlap():
    recordings = {"low": [song(500)], "high": [song(3000), song(3500)]}
    first, truth = compose_soundscape(recordings, sample_rate_hz=RATE, events=40, seed=3)
    again, same = compose_soundscape(recordings, sample_rate_hz=RATE, events=40, seed=3)
    other, _ = compose_soundscape(recordings, sample_rate_hz=RATE, events=40, seed=4)
    np.testing.assert_array_equal(first, again)
    assert truth == same
    assert (first != other).any()
    assert np.abs(first).max() <= 0.951
    assert any(b.start_seconds < a.end_seconds for a, b in pairwise(truth))


def test_of_a_recording_the_loudest_stretch_is_taken():
    waveform = np.zeros(1000)
    waveform[600:700] = 1
    np.testing.assert_array_equal(loudest_stretch(waveform, 100), np.ones(100))
    assert len(loudest_stretch(waveform, 2000)) == 1000


def test_labels_of_segments_are_those_of_a_loop_over_moments():
    rng = np.random.default_rng(0)
    events = [
        Event("a", start, start + length, name, 1.0)
        for start, length, name in zip(
            rng.uniform(0, 21, 30),
            rng.uniform(0.05, 3, 30),
            rng.choice(["a", "b", "c"], 30),
            strict=True,
        )
    ]
    labels = segment_labels(events, ["a", "b"], 23.0, 5.0)
    expected = np.zeros((5, 2))
    for event in events:
        for segment in range(5):
            overlap = min(event.end_seconds, 5 * segment + 5) - max(
                event.start_seconds, 5 * segment
            )
            if event.species != "c" and overlap >= min(
                0.2, event.end_seconds - event.start_seconds
            ):
                expected[segment, "ab".index(event.species)] = 1
    np.testing.assert_array_equal(labels, expected)


def test_a_species_without_a_recording_is_refused():
    with pytest.raises(ValueError, match=r"no recording of \['owl'\]"):
        compose_soundscape({"wren": [song(500)]}, sample_rate_hz=RATE, events=[(0.0, "owl")])
    with pytest.raises(ValueError, match="at least one recording"):
        compose_soundscape({"wren": []}, sample_rate_hz=RATE)
