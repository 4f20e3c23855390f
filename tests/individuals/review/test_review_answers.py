"""What people and spreadsheets make of a CSV, and what their answers do to a count."""

import numpy as np
import pytest

from individuals import group_individuals
from individuals.review import Answers, GivenAnswer, read_review_answers, regroup, with_answers
from individuals.sighting import Sighting
from individuals.sighting_file import CountedSightings, short_id
from individuals.sighting_table import SightingTable
from inference.embeddings import Embeddings
from tests.inference.vectors import on_circle

KEYS = [f"Zaunkönig {n}.mp4#t={n}.000" for n in range(6)]
ANSWERED = [("same", 0, 1), ("different", 1, 2), ("cannot tell", 3, 4), ("", 0, 5)]


def sheet(answers=ANSWERED, delimiter=","):
    lines = [["pair", "answer", "first", "second", "first_key"]]
    for number, (answer, one, other) in enumerate(answers, 1):
        lines.append([str(number), answer, short_id(KEYS[one]), short_id(KEYS[other]), KEYS[one]])
    return "\r\n".join(delimiter.join(line) for line in lines) + "\r\n"


def read(tmp_path, data):
    path = tmp_path / "review.csv"
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return read_review_answers(path)


def found(answers):
    kinds = ("same", "different", "cannot tell")
    return [answers.rows(kind, KEYS) for kind in kinds], answers.num_unanswered


WANTED = [[(0, 1)], [(1, 2)], [(3, 4)]], 1


SAVED = {
    "as written": sheet().encode(),
    "semicolons in Windows' encoding": sheet(delimiter=";").encode("cp1252"),
    "capitals": sheet().replace("same", " SAME ").replace("cannot", "Can\u2019t").encode(),
    "short forms": sheet().replace("same", "yes").replace("different", "2").encode(),
}


@pytest.mark.parametrize("data", SAVED.values(), ids=SAVED)
def test_what_spreadsheets_make_of_it_is_understood(tmp_path, data):
    assert found(read(tmp_path, data)) == WANTED


def test_rows_and_columns_may_change_their_order_and_more_be_added(tmp_path):
    rows = [line.split(",") for line in sheet().splitlines()]
    turned = [rows[0], *rows[:0:-1]]
    text = "\n".join(",".join(["mine", *row[::-1]]) for row in turned)
    assert found(read(tmp_path, text)) == WANTED


def test_answers_find_their_rows_after_the_sightings_were_ordered_anew(tmp_path):
    answers = read(tmp_path, sheet())
    turned = KEYS[::-1]
    assert answers.rows("same", turned) == [(5, 4)]
    together, apart = (answers.rows(kind, turned) for kind in ("same", "different"))
    vectors = on_circle(0, 3, 6, 90, 93, 180)[::-1]
    grouping = group_individuals(vectors, threshold=0.9, must_link=together, cannot_link=apart)
    labels = grouping.labels[::-1]
    assert labels[0] == labels[1] != labels[2]
    assert [given.line for given in answers.missing(KEYS[:3])] == [4]  # of other footage
    assert answers.rows("cannot tell", KEYS[:3]) == []


def test_all_problems_come_at_once_with_their_rows(tmp_path):
    answers = [("maybe", 0, 1), ("same", 2, 3), ("different", 3, 2), ("same", 4, 5)]
    text = sheet(answers).replace(short_id(KEYS[4]), "4.1E+27")
    message = (
        r"in 3 places: row 2: the answer 'maybe' is not understood .*; "
        r"row 5: '4\.1E\+27' is not the id of a sighting; "
        r"rows 3 and 4: one pair is same and different\. Correct"
    )
    with pytest.raises(ValueError, match=message):
        read(tmp_path, text)


@pytest.mark.parametrize(
    "data", [b"", b"nothing\n", b"pair,first,second\n1,a,b\n", b"\xff\xfe\x00"]
)
def test_a_file_without_the_columns_is_refused(tmp_path, data):
    with pytest.raises(ValueError, match=r"has no column .*answer.*Fill in the column"):
        read(tmp_path, data)


def footage(*rows, **known):
    """Sightings (video, frame, tracklet, degrees, seen with)."""
    sightings = []
    for n, (video, frame, tracklet, _, beside) in enumerate(rows):
        place = {"frame_index": frame, "tracklet": tracklet, "seen_with": beside}
        sightings.append(Sighting(key=KEYS[n], media=video, time_seconds=float(n), **place))
    vectors = Embeddings.of(on_circle(*(row[3] for row in rows)))
    videos = tuple(dict.fromkeys(row[0] for row in rows))
    table = SightingTable(tuple(sightings), vectors)
    return CountedSightings(table, np.zeros(len(rows), int), 0.9, videos, **known)


def answered(*answers):
    ids = list(map(short_id, KEYS))
    lines = enumerate(answers, 2)
    return Answers(tuple(GivenAnswer(n, word, ids[a], ids[b]) for n, (word, a, b) in lines))


ALONE = [("m.mp4", n, n, 3 * n, ()) for n in range(4)]


def test_the_count_changes_as_a_person_says():
    before = footage(*ALONE, ("n.mp4", 0, 0, 40, ()), ("n.mp4", 1, 1, 43, ()))
    plain, count = regroup(before)
    assert (count.num_individuals, count.per_video) == (2, {"m.mp4": 1, "n.mp4": 1})
    told = with_answers(before, answered(("different", 0, 1), ("same", 3, 4)))
    after, count = regroup(told)
    assert after.labels[0] != after.labels[1]
    assert after.labels[3] == after.labels[4]
    assert len(plain.labels) == len(after.labels)
    beside = [("m.mp4", 1, 0, 0, (1,)), ("m.mp4", 1, 1, 1, (0,)), ("n.mp4", 5, 0, 0, ())]
    after, count = regroup(footage(*beside))  # animals of a frame stay apart
    assert after.labels[0] != after.labels[1]
    assert count.per_video == {"m.mp4": 2, "n.mp4": 1}


def test_a_later_answer_replaces_an_earlier_one_and_others_are_kept():
    once = with_answers(footage(*ALONE), answered(("same", 0, 1), ("cannot tell", 2, 3)))
    twice = with_answers(once, answered(("different", 1, 0), ("same", 2, 3)))
    assert twice.must_link == ((KEYS[2], KEYS[3]),)
    assert twice.cannot_link == ((KEYS[1], KEYS[0]),)
    assert twice.undecided == ()


def test_answers_that_contradict_each_other_are_told_all_at_once():
    answers = answered(
        ("same", 0, 1), ("same", 1, 2), ("different", 0, 2), ("same", 2, 3), ("different", 3, 0)
    )
    message = (
        "in 2 places: row 4 says different, but row 2 says same and row 3 says same; "
        "row 6 says different, but row 5 says same and row 3 says same and row 2 says same"
    )
    with pytest.raises(ValueError, match=message):
        with_answers(footage(*ALONE), answers)


def test_answers_that_contradict_earlier_ones_or_the_footage_are_told():
    together = footage(
        ("m.mp4", 1, 0, 0, (1,)), ("m.mp4", 1, 1, 3, (0,)), ("m.mp4", 2, 0, 6, ()), *ALONE[3:]
    )
    with pytest.raises(ValueError, match=r"were seen together, but row 2 says same"):
        with_answers(together, answered(("same", 0, 1)))
    with pytest.raises(ValueError, match="seen together, but one tracklet and row 2 says same"):
        with_answers(together, answered(("same", 2, 1)))
    with pytest.raises(ValueError, match="row 2 says different, but one tracklet"):
        with_answers(together, answered(("different", 0, 2)))
    earlier = with_answers(footage(*ALONE), answered(("same", 0, 1)))
    with pytest.raises(ValueError, match="row 2 says different, but an earlier answer says same"):
        with_answers(earlier, answered(("different", 0, 2), ("same", 1, 2)))
