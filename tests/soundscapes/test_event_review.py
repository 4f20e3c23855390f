"""What is asked next about detections, how precise they are, and which are shown together."""

import numpy as np
import pytest

from soundscapes.event_review import event_key, next_events, species_precision
from soundscapes.events import Event, select_events


def events(species, num, file="a.wav"):
    return [Event(file, 10.0 * k, 10.0 * k + 2, species, 0.5 + k / 1000) for k in range(num)]


def test_precision_is_counted_with_its_exact_interval():
    found = events("wren", 30) + events("robin", 3)
    said = ["yes"] * 8 + ["no", "another species", "cannot tell"]
    answers = {event_key(event): word for event, word in zip(found, said, strict=False)}
    wren, robin = species_precision(found, answers)
    assert (wren.species, wren.num_detections, wren.num_right, wren.num_wrong) == ("wren", 30, 8, 2)
    assert wren.precision == 0.8
    assert (wren.low, wren.high) == pytest.approx((0.4439, 0.9748), abs=1e-3)
    assert (robin.precision, robin.low, robin.high) == (None, 0, 1)


def test_the_species_that_is_known_least_comes_first_and_nothing_twice():
    found = events("wren", 30) + events("robin", 3)
    answers = {event_key(event): "yes" for event in found[:5]}
    assert next_events(found, answers)[0].species == "robin"
    asked = []
    while event := next_events(found, answers):
        asked += event
        answers[event_key(event[0])] = "no"
    assert len(asked) == len(found) - 5 == len({*map(event_key, asked)})


def test_within_a_species_the_order_is_drawn_whatever_the_scores():
    found = events("wren", 400)
    order = [event.score for event in next_events(found, {}, 400)]
    assert sorted(order) == [event.score for event in found]
    assert abs(np.corrcoef(order, np.arange(400))[0, 1]) < 0.15
    assert order == [event.score for event in next_events(found[::-1], {}, 400)]


def test_events_are_selected_and_joined_as_a_slow_loop_would():
    rng = np.random.default_rng(0)
    names = ["wren", "robin", "鳥"]
    found = []
    for _ in range(300):
        start = float(rng.uniform(0, 500))
        species, file = names[rng.integers(3)], f"{rng.integers(2)}.wav"
        found.append(Event(file, start, start + float(rng.uniform(0.5, 3)), species, rng.uniform()))
    shown = select_events(found, species={"wren", "鳥"}, min_score=0.3, gap_seconds=1.5)
    kept = [event for event in found if event.score >= 0.3 and event.species != "robin"]
    seconds = np.arange(0, 510, 0.01)
    for file in ("0.wav", "1.wav"):
        for species in ("wren", "鳥"):
            one = [e for e in kept if (e.file, e.species) == (file, species)]
            is_in = np.zeros(len(seconds), bool)
            for event in one:
                is_in |= (seconds >= event.start_seconds) & (seconds <= event.end_seconds + 1.5)
            num = int(is_in[0]) + int(np.sum(is_in[1:] & ~is_in[:-1]))
            joined = [e for e in shown if (e.file, e.species) == (file, species)]
            assert len(joined) == num
            assert max(e.score for e in joined) == max(e.score for e in one)


def test_without_a_gap_nothing_is_joined():
    found = events("wren", 3)
    assert select_events(found[::-1]) == found
    assert select_events(found, min_score=0.501) == found[1:]
