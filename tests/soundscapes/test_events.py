"""Events, against a walk from moment to moment."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundscapes.events import EventFinder, EventSettings, find_events

NAMES = ("wren", "robin")


def walked(scores, threshold, step, gap, least):
    """(start, end, score) of one species."""
    runs = []
    for moment, score in enumerate(scores):
        if not score > threshold:
            continue
        start, end = moment * step, (moment + 1) * step
        if runs and start - runs[-1][1] <= gap + 1e-9:
            runs[-1] = [runs[-1][0], end, max(runs[-1][2], score)]
        else:
            runs.append([start, end, score])
    return [run for run in runs if run[1] - run[0] >= least - 1e-9]


@given(
    st.lists(st.tuples(st.sampled_from([0.1, 0.6, 0.9, np.nan]), st.floats(0, 1)), max_size=40),
    st.integers(1, 7),
    st.sampled_from([0.0, 0.5, 1.0]),
    st.sampled_from([0.0, 1.0]),
)
@settings(max_examples=60, deadline=None)
def test_events_are_the_same_however_the_moments_come(rows, size, gap, least):
    scores = np.array(rows, float).reshape(-1, 2)
    rules = EventSettings(gap, least)
    finder = EventFinder("a.wav", NAMES, 0.5, 0.5, rules)
    for start in range(0, len(scores), size):
        finder.add(scores[start : start + size])
    events = finder.finish(len(scores) / 2)
    assert events == sorted(events, key=lambda event: (event.start_seconds, event.species))
    for column, name in enumerate(NAMES):
        found = [[e.start_seconds, e.end_seconds, e.score] for e in events if e.species == name]
        assert found == walked(scores[:, column], 0.5, 0.5, gap, least)


def test_no_event_reaches_beyond_the_recording():
    (event,) = find_events(
        np.array([[0.0], [0.9]]),
        file="a.wav",
        class_names=["wren"],
        seconds_per_moment=1.0,
        thresholds=[0.5],
    )
    assert (event.start_seconds, event.end_seconds, event.score) == (1.0, 2.0, 0.9)
    finder = EventFinder("a.wav", ["wren"], 1.0, 0.5)
    finder.add(np.array([[0.9], [0.9]]))
    assert finder.finish(1.25)[0].end_seconds == pytest.approx(1.25)
