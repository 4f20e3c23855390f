"""The promises of calibrated thresholds, kept on animals that nobody met before."""

from collections import Counter

import numpy as np
import pytest

from individuals.catalogue import Catalogue, Thresholds
from individuals.sighting_table import SightingTable
from inference import fit_calibration
from tests.inference.vectors import unit

NUM_CALIBRATED, NUM_KNOWN, NUM_STRANGERS = 600, 80, 240
SIZE, NOISE = 64, 0.55
FALSE_MATCH_RATE, MISS_RATE = 0.02, 0.08
NUM_PAIRS = 20_000  # for the curve, which is fitted quickly; thresholds are made of every stranger


class Animals:
    """Animals of a few kinds, some photogenic, some not."""

    def __init__(self, seed):
        self.generator = np.random.default_rng(seed)
        num = NUM_CALIBRATED + NUM_KNOWN + NUM_STRANGERS
        kinds = unit(self.generator.standard_normal((8, SIZE)))
        own = unit(self.generator.standard_normal((num, SIZE)))
        self.looks = unit(kinds[self.generator.integers(0, 8, num)] + own)
        self.noise = NOISE * np.exp(0.25 * self.generator.standard_normal(num))

    def photos(self, animals, num):
        shape = (len(animals), num, SIZE)
        noise = self.noise[animals, None, None] * self.generator.standard_normal(shape)
        return unit(self.looks[animals, None] + noise / np.sqrt(SIZE)).reshape(-1, SIZE)


def table(vectors, name):
    return SightingTable.of(vectors, [f"{name} {n}.jpg" for n in range(len(vectors))])


@pytest.fixture(scope="module")
def rates(tmp_path_factory):
    """What was said of 240 tracklets of known animals, and of 240 strangers."""
    animals = Animals(0)
    calibrated, known, strangers = np.split(
        np.arange(NUM_CALIBRATED + NUM_KNOWN + NUM_STRANGERS),
        [NUM_CALIBRATED, NUM_CALIBRATED + NUM_KNOWN],
    )
    calibration = fit_calibration(
        animals.photos(calibrated, 4), np.repeat(calibrated, 4), max_pairs=NUM_PAIRS
    )
    said, told = {"false_match_rate": FALSE_MATCH_RATE, "miss_rate": MISS_RATE}, {}
    with Catalogue.open(tmp_path_factory.mktemp("rates") / "x.catalogue") as catalogue:
        names = [f"animal {n}" for n in known for _ in range(4)]
        ids = catalogue.add_each(table(animals.photos(known, 4), "last year"), names)
        scores = {"image-image": catalogue.known_scores()}
        thresholds = Thresholds.calibrated(calibration, **said, known_scores=scores)
        groups = [list(range(3 * n, 3 * n + 3)) for n in range(240)]
        again = np.repeat(known, 3)
        this_year = table(animals.photos(again, 3), "this year")
        answers = catalogue.identify(this_year, thresholds, groups=groups)
        right = dict(zip(known.tolist(), ids[::4], strict=True))
        told["known"] = Counter(
            "wrong" if a.individual not in (None, right[who]) else a.status
            for a, who in zip(answers, again.tolist(), strict=True)
        )
        never_met = table(animals.photos(strangers, 3), "strangers")
        answers = catalogue.identify(never_met, thresholds, groups=groups)
        told["strangers"] = Counter(answer.status for answer in answers)
    return told


def test_strangers_are_rarely_taken_for_somebody(rates):
    assert rates["strangers"]["known"] <= FALSE_MATCH_RATE * 240
    assert rates["strangers"]["new"] >= 0.35 * 240


def test_known_animals_are_recognised_and_rarely_called_new(rates):
    assert rates["known"]["wrong"] == 0
    assert rates["known"]["new"] <= MISS_RATE * 240
    assert rates["known"]["known"] >= 0.7 * 240


def test_scores_of_known_animals_leave_their_own_file_out(tmp_path, animals):
    with Catalogue.open(tmp_path / "x.catalogue") as catalogue:
        video = [
            animals.seen(f"m#{n}", 40 + n, media="m.mp4", frame_index=n, tracklet=0)
            for n in range(2)
        ]
        catalogue.add(animals.table(animals.seen("a.jpg", 10), *video))
        catalogue.add(animals.table(animals.seen("b.jpg", 100)))  # met once: says nothing
        scores = {float(catalogue.known_scores(seed=seed)[0]) for seed in range(20)}
        assert len(catalogue.known_scores()) == 1
        assert len(catalogue.known_scores("audio")) == 0
    photo_in_video = np.cos(np.radians(30))
    video_in_photos = np.cos(np.radians([30, 31])).mean()
    np.testing.assert_allclose(sorted(scores), sorted([photo_in_video, video_in_photos]), atol=1e-6)


def test_too_few_known_animals_change_nothing():
    animals = Animals(2)
    calibrated = np.arange(NUM_CALIBRATED)
    calibration = fit_calibration(
        animals.photos(calibrated, 3), np.repeat(calibrated, 3), max_pairs=NUM_PAIRS
    )
    alone = Thresholds.calibrated(calibration, false_match_rate=0.02)
    few = {"image-image": np.full(58, 0.99)}
    enough = {"image-image": np.full(59, 0.6)}
    assert Thresholds.calibrated(calibration, false_match_rate=0.02, known_scores=few) == alone
    with_enough = Thresholds.calibrated(calibration, false_match_rate=0.02, known_scores=enough)
    assert with_enough.patterns["image-image"].new_below == pytest.approx(0.6)
