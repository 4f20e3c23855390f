"""Known, new or uncertain; and who is who among animals that are seen together."""

import logging
import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from individuals.catalogue import Catalogue, PatternThresholds, Thresholds
from individuals.sighting import Sighting
from individuals.sighting_table import SightingTable
from inference.embeddings import Embeddings
from tests.inference.vectors import unit

PLAIN = Thresholds.plain(known_above=0.9, new_below=0.5, margin=0.02)


class Calibration:
    """A stand-in with the contract of `inference.calibrate.Calibration`."""

    fingerprint = "wren-1"
    num_gallery = 20
    pairs = {
        "image-image": SimpleNamespace(slope=20.0, intercept=-14.0),
        "audio-audio": SimpleNamespace(slope=10.0, intercept=-5.0),
        "image-audio": SimpleNamespace(slope=5.0, intercept=-2.0),
    }

    def pair(self, pattern):
        return self.pairs[pattern]

    def threshold_at(self, false_match_rate=0.001, confidence=0.95, pattern="image-image"):
        pair = self.pairs[pattern]  # where the evidence is as rare as the rate
        similarity = (-math.log(false_match_rate) - pair.intercept) / pair.slope
        return SimpleNamespace(similarity=min(similarity, 1.0), num_gallery=self.num_gallery)

    def probability(self, similarity, pattern="image-image", prior=0.5):
        pair = self.pairs[pattern]
        return expit(pair.slope * np.asarray(similarity) + pair.intercept)

    def check_fingerprint(self, embeddings):
        if embeddings.fingerprint != self.fingerprint:
            raise ValueError("another encoder")


def angles(*degrees):
    return [math.cos(math.radians(d)) for d in degrees]


def test_near_is_known_far_is_new_and_between_is_uncertain(catalogue, animals):
    query = animals.table(*(animals.seen(f"{d}.jpg", d) for d in (10, 48, 200, 87)))
    answers = catalogue.identify(query, PLAIN)
    assert animals.statuses(answers) == [
        ("known", "NYA-0001"),
        ("uncertain", None),
        ("new", None),
        ("known", "NYA-0002"),
    ]
    first = answers[0]
    assert (first.nearest, first.runner_up, first.probability) == ("NYA-0001", "NYA-0002", None)
    assert first.similarity == pytest.approx(angles(4)[0], abs=1e-6)  # of its nearest sighting
    assert first.runner_up_similarity == pytest.approx(angles(80)[0], abs=1e-6)


def test_two_individuals_that_fit_nearly_alike_are_uncertain(path, animals):
    with Catalogue.open(path) as catalogue:
        a, b = (catalogue.add(animals.table(animals.seen(f"{d}.jpg", d))) for d in (0, 20))
        query = animals.table(animals.seen("x.jpg", 9), animals.seen("y.jpg", 3))
        between, near = catalogue.identify(query, PLAIN)
    assert between.status == "uncertain"
    assert f"{a} and {b} are almost equally similar" in between.reason
    assert (near.status, near.individual) == ("known", a)


def test_everything_is_new_to_an_empty_catalogue(path, animals):
    with Catalogue.open(path) as catalogue:
        query = animals.in_frame("monday.mp4", 1, 0, 5, 90)
        answers = catalogue.identify(query, PLAIN)
        assert animals.statuses(answers) == [("new", None)] * 3
        assert [answer.new_animal for answer in answers] == [1, 2, 3]
        assert answers[0].nearest is None
        assert catalogue.identify(query.take([]), PLAIN) == []


def test_new_sightings_of_one_animal_are_proposed_as_one(catalogue, animals):
    query = animals.table(*(animals.seen(f"{d}.jpg", d) for d in (200, 5, 205, 250)))
    answers = catalogue.identify(query, PLAIN)
    assert [answer.new_animal for answer in answers] == [1, None, 1, 2]


def test_a_tracklet_gets_one_answer_by_the_mean_of_its_rows(catalogue, animals):
    video = {"media": "m.mp4", "tracklet": 4}
    rows = [animals.seen(f"m#{n}", d, frame_index=n, **video) for n, d in enumerate((6, 40))]
    (answer,) = catalogue.identify(animals.table(*rows), PLAIN)
    assert answer.rows == (0, 1)
    assert answer.similarity == pytest.approx(np.mean(angles(0, 34)), abs=1e-6)


def test_two_animals_of_a_frame_never_get_one_name(catalogue, animals):
    answers = catalogue.identify(animals.in_frame("monday.mp4", 3, 1, 20), PLAIN)
    assert animals.statuses(answers) == [("known", "NYA-0001"), ("uncertain", None)]
    assert answers[1].reason == "similar to NYA-0001 (Älva), which is the animal beside it"
    twins = catalogue.identify(animals.in_frame("monday.mp4", 3, 1, 2), PLAIN)
    assert animals.statuses(twins) == [("uncertain", None)] * 2


def test_groups_of_a_count_are_identified_as_one(catalogue, animals):
    query = animals.table(*(animals.seen(f"{d}.jpg", d) for d in (1, 92, 10)))
    answers = catalogue.identify(query, PLAIN, groups=[[0, 2], [1]])
    assert [(a.rows, a.individual) for a in answers] == [((0, 2), "NYA-0001"), ((1,), "NYA-0002")]
    with pytest.raises(ValueError, match=r"that were seen together, such as 'm.mp4#3"):
        catalogue.identify(animals.in_frame("m.mp4", 3, 1, 20), PLAIN, groups=[[0, 1]])


def test_two_who_fit_two_are_told_apart_by_the_best_total(path, animals):
    with Catalogue.open(path) as catalogue:
        a, b = (catalogue.add(animals.table(animals.seen(f"{d}.jpg", d))) for d in (0, 20))
        # alone, 12 degrees fits b best; beside 24 degrees, which is b even more, it is a
        answers = catalogue.identify(animals.in_frame("m.mp4", 1, 12, 24), PLAIN)
    assert animals.statuses(answers) == [("known", a), ("known", b)]


def test_an_individual_may_come_back_after_another_was_seen_with_both_tracklets(catalogue, animals):
    def row(frame, tracklet, degrees):
        known = {"frame_index": frame, "tracklet": tracklet}
        beside = (0, 2) if tracklet == 1 else (1,)
        key = f"m#{frame}.{tracklet}"
        return animals.seen(key, degrees, media="m.mp4", seen_with=beside, **known)

    query = animals.table(row(1, 0, 3), row(1, 1, 92), row(9, 1, 92), row(9, 2, 5))
    answers = catalogue.identify(query, PLAIN)
    assert [a.individual for a in answers] == ["NYA-0001", "NYA-0002", "NYA-0001"]


def test_one_is_not_taken_for_an_individual_that_the_catalogue_saw_beside_it(catalogue, animals):
    frame = animals.in_frame("monday.mp4", 3, 1, 4)
    catalogue.add(frame.take([0]), "Älva")
    again, beside = catalogue.identify(frame, PLAIN)
    assert (again.individual, again.status) == ("NYA-0001", "known")
    assert beside.status == "new"  # it is not Älva, and unlike the other


def test_accepting_adds_the_known_and_the_new_and_leaves_the_uncertain(catalogue, animals):
    query = animals.table(*(animals.seen(f"{d}.jpg", d) for d in (10, 48, 200, 205)))
    answers = catalogue.identify(query, PLAIN)
    assert catalogue.accept(query, answers) == ["NYA-0001", None, "NYA-0003", "NYA-0003"]
    assert catalogue.sightings("NYA-0003").keys == ["200.jpg", "205.jpg"]
    assert catalogue.accept(query, answers[1:2]) == [None]
    catalogue.undo()
    assert len(catalogue) == 2


def calibrated(**options):
    return Thresholds.calibrated(Calibration(), **options)


def test_calibrated_thresholds_are_the_certified_one_and_the_miss_bound():
    thresholds = calibrated(false_match_rate=0.01, miss_rate=0.05)
    values = thresholds.patterns["image-image"]
    assert values.known_above == pytest.approx((math.log(100) + 14) / 20)
    assert values.slope * values.new_below + values.intercept == pytest.approx(math.log(0.05))
    assert thresholds.num_gallery == 20
    two = calibrated(false_match_rate=0.01, patterns=("image-image", "audio-audio"))
    more = two.patterns["image-image"].known_above - values.known_above
    assert more == pytest.approx(math.log(2) / 20)  # each has half of the rate


def test_a_catalogue_larger_than_what_was_certified_is_told_of(catalogue, animals, caplog):
    thresholds = calibrated()
    query = animals.table(animals.seen("x.jpg", 6))
    (answer,) = catalogue.identify(query, thresholds)
    assert answer.probability == pytest.approx(expit(20 - 14), abs=1e-3)
    assert not caplog.records
    rows = animals.table(*(animals.seen(f"{n}.jpg", 100 + n) for n in range(19)))
    catalogue.add_each(rows, [f"new-{n}" for n in range(19)])
    with caplog.at_level(logging.WARNING):
        catalogue.identify(query, thresholds)
    assert "certified for a gallery of 20 individuals, the catalogue has 21" in caplog.text


def test_calls_and_photos_are_compared_by_their_own_thresholds(path, animals):
    patterns = ("image-image", "audio-audio", "image-audio")
    thresholds = calibrated(false_match_rate=0.1, patterns=patterns)
    with Catalogue.open(path) as catalogue:
        a = catalogue.add(animals.table(animals.seen("a.jpg", 0)))
        heard = animals.changed(animals.table(animals.seen("b.wav", 0)), modality="audio")
        b = catalogue.add(heard)
        call = animals.changed(animals.table(animals.seen("x.wav", 1)), modality="audio")
        photo = animals.table(animals.seen("x.jpg", 1))
        assert catalogue.identify(photo, thresholds)[0].individual == a
        assert catalogue.identify(call, thresholds)[0].individual == b
        with pytest.raises(ValueError, match="Similarities of image-image and image-audio do not"):
            catalogue.identify(photo, PLAIN)


def test_what_can_be_compared_with_nothing_is_uncertain_not_new(catalogue, animals):
    call = animals.changed(animals.table(animals.seen("x.wav", 200)), modality="audio")
    (answer,) = catalogue.identify(call, calibrated(false_match_rate=0.1))
    assert (answer.status, answer.nearest) == ("uncertain", None)
    assert "2 individuals of the catalogue cannot be compared with it" in answer.reason


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Thresholds.plain(known_above=0.5, new_below=0.6), "new_below <= known_above"),
        (lambda: Thresholds.plain(known_above=1.5, new_below=0.6), "known_above <= 1"),
        (lambda: Thresholds.plain(known_above=0.5, new_below=0.4, margin=-1), "margin >= 0"),
        (lambda: calibrated(miss_rate=0.0), r"miss_rate in \(0, 1\)"),
        (lambda: PatternThresholds(0.5, 0.4, slope=0.0), "a slope above 0, received 0"),
    ],
)
def test_thresholds_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@settings(max_examples=60)
@given(seed=st.integers(0, 10_000))
def test_no_two_that_were_seen_together_share_a_name(tmp_path_factory, seed):
    generator = np.random.default_rng(seed)
    frames, tracklets = generator.integers(1, 5), generator.integers(2, 6)
    with Catalogue.open(tmp_path_factory.mktemp("c") / "x.catalogue") as catalogue:
        gallery = unit(generator.standard_normal((5, 3)))
        known = SightingTable.of(gallery, [f"{n}.jpg" for n in range(5)])
        catalogue.add_each(known, [f"new-{n}" for n in range(5)])
        rows = [
            Sighting(key=f"{frame}.{tracklet}", media="m.mp4", frame_index=frame, tracklet=tracklet)
            for frame in range(frames)
            for tracklet in range(tracklets)
            if generator.random() < 0.6
        ]
        of_tracklet = unit(generator.standard_normal((tracklets, 3)))
        vectors = [of_tracklet[s.tracklet] for s in rows] or np.empty((0, 3))
        table = SightingTable(tuple(rows), Embeddings.of(vectors))
        thresholds = Thresholds.plain(known_above=0.2, new_below=-0.5, margin=0.0)
        answers = catalogue.identify(table, thresholds)
        if rows:
            catalogue.accept(table, answers)
    in_frame: dict[object, list[object]] = {}
    for answer in answers:
        for frame in {rows[row].frame_index for row in answer.rows}:
            name = answer.individual or answer.new_animal
            in_frame.setdefault(frame, []).extend([name] if name else [])
    assert all(len(names) == len(set(names)) for names in in_frame.values())
