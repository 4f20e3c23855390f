from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from individuals.grouping.constraints import Atoms
from individuals.grouping.decision import Decision, calibrated_rule, decide_by
from inference.calibrate import Calibration, PairCalibration
from inference.modalities import MODALITIES, pair_pattern

ROWS = np.eye(3)


def calibration(**pairs: tuple[float, float]) -> Calibration:
    """Such as image_image=(slope, intercept)."""
    lines = {name.replace("_", "-"): PairCalibration(*line) for name, line in pairs.items()}
    return Calibration("wren-1", lines)


PHOTOS = calibration(image_image=(20.0, -11.0))


def test_a_zero_outside_of_cosines_is_cut():
    assert calibrated_rule(calibration(image_image=(2.0, -4.0)), "image").threshold == 1
    assert calibrated_rule(calibration(image_image=(2.0, 4.0)), "image").threshold == -1


def test_several_modalities_are_joined_by_log_odds():
    lines = calibration(image_image=(10.0, -5.0), image_audio=(4.0, -1.0), audio_audio=(8.0, -6.0))
    decision = decide_by(None, lines, ["image", "audio", "audio"], ROWS)
    assert decision.rule is None
    assert np.isnan(decision.threshold)
    # The calls: 8 * 0.8 - 6 > 0. The photo and them: 4 * (0.3 + 0.1) / 2 - 1 < 0.
    observations = np.array([[1.0, 0.0, 0.0], [0.3, 0.954, 0.0], [0.1, 0.807, 0.582]])
    atoms = Atoms(observations, np.arange(3), np.empty((0, 2), np.int64), decision.modalities)
    assert decision.group(atoms).tolist() == [0, 1, 1]


LINES = {
    "image-image": (12.0, -6.0),
    "image-audio": (5.0, -1.0),
    "image-fused": (9.0, -4.0),
    "audio-audio": (7.0, -4.5),
    "audio-fused": (6.0, -2.0),
    "fused-fused": (15.0, -8.0),
}


def slow_groups(atoms: Atoms) -> set[frozenset[int]]:
    """From the definition: every two groups, every two observations, the best pair, again."""
    names = [MODALITIES[code] for code in atoms.modality_of]
    rows_of = [np.flatnonzero(atoms.atom_of == atom) for atom in range(len(atoms))]
    apart = {frozenset(pair) for pair in atoms.apart.tolist()}

    def log_odds(one: frozenset[int], other: frozenset[int]) -> float:
        if any(frozenset([a, b]) in apart for a in one for b in other):
            return -np.inf
        sides = (np.concatenate([rows_of[atom] for atom in side]) for side in (one, other))
        found = []
        for i, j in product(*sides):
            slope, intercept = LINES[pair_pattern(names[i], names[j])]
            found.append(slope * (atoms.observations[i] @ atoms.observations[j]) + intercept)
        return float(np.mean(found))

    groups = [frozenset([atom]) for atom in range(len(atoms))]
    while len(groups) > 1:
        best = max(combinations(groups, 2), key=lambda pair: log_odds(*pair))
        if log_odds(*best) <= 0:
            break
        groups = [group for group in groups if group not in best] + [best[0] | best[1]]
    return set(groups)


@settings(max_examples=30)
@given(num=st.integers(1, 12), num_apart=st.sampled_from([0, 8]), seed=st.integers(0, 10**6))
def test_log_odds_of_mixed_modalities_agree_with_nested_loops(num, num_apart, seed):
    rng = np.random.default_rng(seed)
    atom_of = np.repeat(np.arange(num), rng.integers(1, 4, num))
    views = rng.standard_normal((num, 4))[atom_of % max(1, num // 3)]
    views = views + 0.6 * rng.standard_normal((len(atom_of), 4))
    views /= np.linalg.norm(views, axis=1, keepdims=True)
    pairs = np.sort(rng.integers(0, num, (num_apart, 2)), axis=1)
    apart = np.unique(pairs[pairs[:, 0] < pairs[:, 1]], axis=0)
    atoms = Atoms(views, atom_of, apart, rng.integers(0, 3, len(atom_of)).astype(np.int8))
    labels = Decision(None, LINES, atoms.modality_of).group(atoms)
    found = {frozenset(np.flatnonzero(labels == label).tolist()) for label in np.unique(labels)}
    assert found == slow_groups(atoms)


@pytest.mark.parametrize(
    ("threshold", "given", "modality", "message"),
    [
        (None, None, "image", r"Pass either threshold=.* received neither\."),
        (0.5, PHOTOS, "image", r"Pass either threshold=.* received both\."),
        (0.5, None, ["image", "audio", "image"], r"Similarities of image and audio .*calibration="),
        (None, PHOTOS, "audio", "no pattern 'audio-audio'; it has image-image"),
        (None, calibration(image_image=(0, 1)), "image", r"nothing about individuals \(slope 0\)"),
        (0.5, None, ["touch", "image", "smell"], "Unknown modalities 'smell', 'touch'. Expected"),
        (0.5, None, "photo", "Unknown modalities 'photo'"),
        (0.5, None, ["image", "image"], "one for each of the 3 rows; received 2"),
    ],
)
def test_a_rule_that_cannot_decide_is_refused(threshold, given, modality, message):
    with pytest.raises(ValueError, match=message):
        decide_by(threshold, given, modality, ROWS)


def test_modalities_that_the_calibration_lacks_are_named():
    mixed = decide_by(None, PHOTOS, ["image", "audio", "image"], ROWS)
    atoms = Atoms(ROWS, np.arange(3), np.empty((0, 2), np.int64), mixed.modalities)
    with pytest.raises(ValueError, match=r"image and audio meet, but .* no pattern 'image-audio'"):
        mixed.group(atoms)


@pytest.mark.parametrize("intercept", [0.0, 0.1])
def test_a_pattern_that_says_nothing_joins_no_photo_with_a_call(intercept):
    lines = calibration(
        image_image=(10.0, -5.0), image_audio=(0.0, intercept), audio_audio=(8.0, -6.0)
    )
    decision = decide_by(None, lines, ["image", "image", "audio", "audio"], np.eye(4))
    observations = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    atoms = Atoms(observations, np.arange(4), np.empty((0, 2), np.int64), decision.modalities)
    assert decision.group(atoms).tolist() == [0, 0, 1, 2]


def test_nothing_needs_no_rule():
    only_calls = calibration(audio_audio=(8.0, -6.0))
    nothing = Atoms(ROWS[:0], np.arange(0), np.empty((0, 2), np.int64), np.empty(0, np.int8))
    assert decide_by(None, only_calls, "image", ROWS[:0]).group(nothing).tolist() == []
