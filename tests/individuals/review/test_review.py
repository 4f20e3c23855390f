"""The questions that are asked about a count, and the sheet that a person fills in."""

import csv

import numpy as np
import pytest

from individuals.review import review_queue, write_review_sheet
from individuals.sighting import Sighting, sighting_key
from individuals.sighting_file import CountedSightings, short_id
from individuals.sighting_table import SightingTable
from inference.calibrate import Calibration, PairCalibration
from inference.embeddings import Embeddings
from tests.inference.vectors import on_circle

JPEG = b"\xff\xd8\xff\xe0 not looked at"


def counted(degrees, labels, *, threshold=0.9, media=None, **known):
    """Sightings of a photo each, at these angles."""
    names = media or [f"{n}.jpg" for n in range(len(degrees))]
    keys = [sighting_key(name, float(n)) for n, name in enumerate(names)]
    sightings = tuple(
        Sighting(key=key, media=name, time_seconds=float(n), crop=f"crops/{short_id(key)}.jpg")
        for n, (key, name) in enumerate(zip(keys, names, strict=True))
    )
    table = SightingTable(sightings, Embeddings.of(on_circle(*degrees), "wren-1"))
    videos = tuple(dict.fromkeys(names))
    return CountedSightings(table, np.array(labels), threshold, videos, **known)


# one individual at 0 and 40 degrees, hung together loosely; two that look alike; one far away
DOUBTFUL = ([0, 2, 40, 42, 120, 140, 250], [0, 0, 0, 0, 1, 2, 3])


def asked(pairs):
    return {(frozenset((pair.first, pair.second)), pair.individuals) for pair in pairs}


def test_weak_links_and_look_alikes_are_asked_by_their_most_similar_sightings():
    pairs = review_queue(counted(*DOUBTFUL), 2)
    assert asked(pairs) == {(frozenset((1, 2)), (0, 0)), (frozenset((4, 5)), (1, 2))}
    weak = next(pair for pair in pairs if pair.individuals == (0, 0))
    assert (weak.num_at_stake, weak.reason) == (2, "counted as one, by a weak link")
    assert {weak.first_beside, weak.second_beside} == {(0,), (3,)}


def test_what_would_move_more_sightings_is_asked_first():
    few, many = [0, 20], [180, 180.1, 180.2, 180.3, 200, 200.1, 200.2, 200.3]
    pairs = review_queue(counted([*few, *many], [0, 1, *[2] * 4, *[3] * 4], threshold=0.94))
    assert pairs[0].individuals == (2, 3)
    assert pairs[0].num_at_stake == 4


def test_each_question_makes_others_about_the_same_individuals_wait():
    degrees = [0, 18, 36, 180, 196]
    first, second = review_queue(counted(degrees, [0, 1, 2, 3, 4], threshold=0.95), 2)
    assert not set(first.individuals) & set(second.individuals)


def test_what_is_certain_is_not_asked(animals):
    frame = animals.in_frame("m.mp4", 1, 0, 10)
    seen_together = CountedSightings(frame, np.array([0, 1]), 0.9)
    assert review_queue(seen_together) == []
    assert review_queue(counted([0, 1], [0, 0])) != []
    assert review_queue(counted([], [])) == []
    assert review_queue(counted([5, 5, 5], [0, 0, 0])) == []
    assert review_queue(counted([0, 90], [0, 1])) == []
    with pytest.raises(ValueError, match="Expected num >= 1, received 0"):
        review_queue(seen_together, 0)
    tracklet = animals.table(
        *(animals.seen(f"m#{n}", 60 * n, media="m.mp4", frame_index=n, tracklet=0) for n in (0, 1))
    )
    assert review_queue(CountedSightings(tracklet, np.array([0, 0]), 0.9)) == []


def test_photos_are_not_compared_with_calls(animals):
    call = animals.changed(animals.table(animals.seen("a.wav", 10)), modality="audio")
    rows = animals.joined(animals.table(animals.seen("a.jpg", 0)), call)
    assert review_queue(CountedSightings(rows, np.array([0, 1]), 0.9)) == []


def test_what_was_answered_is_not_asked_again():
    questions = counted(*DOUBTFUL)
    keys = questions.table.keys
    same, different = [(keys[1], keys[2])], [(keys[4], keys[5])]
    after = counted(*DOUBTFUL, must_link=tuple(same), cannot_link=tuple(different))
    left = asked(review_queue(after))
    assert not {pair for pair, _ in left} & {frozenset((1, 2)), frozenset((4, 5))}
    assert all(individuals != (1, 2) for _, individuals in left)
    undecided = counted([0, 30], [0, 0], undecided=((keys[0], keys[1]),))
    assert review_queue(undecided) == []


def test_a_count_by_log_odds_of_several_modalities_needs_its_calibration():
    sightings = counted([0, 20], [0, 1], threshold=float("nan"))
    with pytest.raises(ValueError, match="no threshold to guess probabilities from"):
        review_queue(sightings)
    calibration = Calibration("wren-1", {"image-image": PairCalibration(10.0, -9.0)})
    (pair,) = review_queue(sightings, calibration=calibration)
    assert pair.probability == pytest.approx(calibration.probability(pair.similarity))


def test_good_crops_are_shown_before_poor_ones(animals):
    rows = animals.table(
        animals.seen("a#1", 0, media="a.mp4", frame_index=1, tracklet=0, quality=0.9),
        animals.seen("a#2", 12, media="a.mp4", frame_index=2, tracklet=0, quality=0.1),
        animals.seen("b.jpg", 24, quality=0.9),
    )
    (pair,) = review_queue(CountedSightings(rows, np.array([0, 0, 1]), 0.9))
    assert {pair.first, pair.second} == {0, 2}


def rows_of(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def test_the_sheet_has_a_row_for_each_question_and_its_crops_beside(tmp_path):
    questions = counted([0, 22, 44, 66, 88, 110], range(6))
    (tmp_path / "count" / "crops").mkdir(parents=True)
    for sighting in questions.table.sightings:
        (tmp_path / "count" / sighting.crop).write_bytes(JPEG)
    pairs = review_queue(questions, 4)
    path = write_review_sheet(tmp_path / "sheet", pairs, questions.table, crops=tmp_path / "count")
    rows = rows_of(path)
    assert len(rows) == len(pairs) == 4
    for row, pair in zip(rows, pairs, strict=True):
        assert row["answer"] == ""
        assert row["first_key"] == questions.table.keys[pair.first]
        assert (tmp_path / "sheet" / row["first_crop"]).read_bytes() == JPEG


def test_names_of_files_cannot_run_in_a_spreadsheet(tmp_path):
    names = ['=cmd|"x"!A1.jpg', "--1.jpg", "鳥\udcff.jpg", "Zaun,könig;.jpg"]
    questions = counted([0, 20, 100, 120], [0, 1, 2, 3], media=names)
    rows = rows_of(write_review_sheet(tmp_path, review_queue(questions, 2), questions.table))
    shown = {row[f"{side}_media"] for row in rows for side in ("first", "second")}
    assert shown == {"'" + names[0], "'" + names[1], "鳥\\udcff.jpg", names[3]}


def test_a_sheet_with_answers_is_not_overwritten(tmp_path):
    questions = counted(*DOUBTFUL)
    pairs = review_queue(questions, 2)
    write_review_sheet(tmp_path, pairs, questions.table)
    path = write_review_sheet(tmp_path, pairs, questions.table)
    text = path.read_text("utf-8-sig")
    for changed in (text.replace("1,,", "1,same,"), "something else\n"):
        path.write_text(changed, encoding="utf-8")
        with pytest.raises(FileExistsError, match="holds answers, or was changed"):
            write_review_sheet(tmp_path, pairs, questions.table)
        assert path.read_text("utf-8") == changed
