"""What does not fit together is refused with what was expected and what was received."""

import numpy as np
import pytest

from inference.calibrate import Calibration, PairCalibration, certify_threshold, fit_calibration
from inference.metrics import (
    bcubed,
    bootstrap_interval,
    confusion_counts,
    nearest_right_and_wrong,
    retrieval_metrics,
    two_way_bootstrap_interval,
)
from inference.modalities import pair_pattern
from inference.threshold import suggest_threshold
from tests.inference.vectors import on_circle, random_unit

EVEN = Calibration("wren-1", {"image-image": PairCalibration(20.0, -10.0)})
THREE_TWICE = [0, 0, 1, 1, 2, 2]


def refused(*cases):
    return pytest.mark.parametrize(("call", "message"), cases)


@refused(
    *(
        (lambda prior=prior: EVEN.probability(0.5, prior=prior), r"Expected a prior in \(0, 1\)")
        for prior in (0.0, 1.0, float("nan"))
    ),
    (lambda: PairCalibration(-1.0, 0.0), "finite slope >= 0"),
    (lambda: certify_threshold([0.1] * 100, 0.0), r"Expected false_match_rate in \(0, 1\)"),
    (lambda: certify_threshold([0.1] * 100, 0.1, 1.0), r"Expected confidence in \(0, 1\)"),
    (lambda: certify_threshold([0.1, np.nan], 0.9), r"received the shape \[2\] with 1 NaN"),
    (lambda: pair_pattern("image", "smell"), r"Unknown modality .smell.\. Expected one of image"),
)
def test_impossible_calibrations_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("who", "options", "message"),
    [
        (["wren"] * 6, {}, "received 6 embeddings of 1 individuals, .* in 6 sources"),
        (THREE_TWICE[:5], {}, "individuals must hold one value for each of the 6"),
        (THREE_TWICE, {"units": [1]}, "units must hold one value for each of the 6"),
        (THREE_TWICE, {"modalities": ["photo"] * 6}, r"unknown values \['photo'\]"),
    ],
)
def test_a_calibration_of_columns_that_do_not_fit_is_refused(who, options, message):
    with pytest.raises(ValueError, match=message):
        fit_calibration(random_unit(6), who, **options)


@refused(
    (lambda: bootstrap_interval([1.0, 0.0], ["a", "a"]), "at least 2 groups, received 1"),
    (lambda: bootstrap_interval([1.0, 0.0], ["a"]), "must be of one length"),
    (lambda: bootstrap_interval([1.0, 0.0], confidence=95), r"confidence must be in \(0, 1\)"),
    (lambda: two_way_bootstrap_interval([1.0] * 3, [*"abc"], [*"xxx"]), "at least 2 groups"),
    *(
        (lambda true=true, found=found: bcubed(true, found), "one label per row, for the same rows")
        for true, found in (([], []), ([1, 2], [1]), ([[1]], [[1]]))
    ),
    (lambda: confusion_counts([*"ab"], ["a"], [*"ab"]), "shorter"),
    (
        lambda: nearest_right_and_wrong(on_circle(0, 1), ["a"], on_circle(0), ["a"]),
        "query_labels must hold one value for each of the 2",
    ),
    (lambda: retrieval_metrics(on_circle(0, 90), [*"ab"]), "None of the 2 queries has a row of"),
)
def test_labels_and_groups_that_do_not_fit_are_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    with pytest.raises(KeyError, match="x"):
        confusion_counts([*"ab"], [*"ax"], [*"ab"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"query_labels": ["a"]}, "query_labels must hold one value for each of the 2 rows"),
        ({"gallery_labels": None}, "gallery_labels must hold .*received none"),
        ({"gallery_embeddings": np.eye(3)[:2]}, r"of one size, received \[2, 2\] and \[2, 3\]"),
        ({"k": 0}, "k must be at least 1"),
    ],
)
def test_sides_of_a_measurement_that_do_not_fit_are_refused(arguments, message):
    fitting = {"query_embeddings": on_circle(0, 90), "query_labels": ["a", "b"]}
    fitting |= {"gallery_embeddings": on_circle(1, 91), "gallery_labels": ["a", "b"]}
    with pytest.raises(ValueError, match=message):
        retrieval_metrics(**(fitting | arguments))


@pytest.mark.parametrize(
    ("labels", "sources", "message"),
    [
        (["a", "a", "a"], None, "received 1 individuals, the most often seen in 3 sources"),
        (["a", "b", "c"], None, "the most often seen in 1 sources"),
        (["a", "a", "b"], ["v1", "v1", "v2"], "one of them in two sources"),
        (["a", "b"], None, "received 2 labels and 3 sources"),
        ([], None, "received 0 individuals"),
    ],
)
def test_too_little_to_learn_a_threshold_from_is_refused(labels, sources, message):
    embeddings = on_circle(0, 10, 90) if labels else np.empty((0, 4))
    with pytest.raises(ValueError, match=message):
        suggest_threshold(embeddings, labels, sources=sources)
