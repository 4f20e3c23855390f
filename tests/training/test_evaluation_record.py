import json
from dataclasses import replace

import numpy as np
import pytest

from tests.training.conftest import PixelsAndFirstFrame
from training.evaluate import evaluate_encoder
from training.evaluation_record import evaluation_record


@pytest.fixture(scope="module")
def evaluation(sides):
    return evaluate_encoder(PixelsAndFirstFrame(), *sides)


def test_a_record_is_json_and_says_what_it_is_of(evaluation):
    record = json.loads(json.dumps(evaluation_record(evaluation, ["a note"]), allow_nan=False))
    assert (record["schema"], record["encoder_fingerprint"]) == (1, "wren-1")
    assert record["notes"] == ["a note"]
    assert record["versions"]["keras"]


def test_numbers_stand_under_flat_names(evaluation):
    record = evaluation_record(evaluation)
    for row, numbers in evaluation.rows.items():
        assert record[f"{row}_precision_at_1"] == numbers["precision_at_1"]
        assert type(record[f"{row}_num_queries"]) is int
        low, high = record[f"{row}_r_precision_low"], record[f"{row}_r_precision_high"]
        assert low <= record[f"{row}_r_precision"] <= high
    assert record["threshold_audio"] == evaluation.thresholds["audio"]


def test_classes_and_confusions_add_up(evaluation):
    record = evaluation_record(evaluation)
    counts = np.array(record["confusion_counts"])
    assert [result["name"] for result in record["classes"]] == record["confusion_class_names"]
    assert counts.sum(axis=1).tolist() == [r["num_queries"] for r in record["classes"]]
    share = counts.trace() / counts.sum()
    assert share == pytest.approx(record["fused_precision_at_1"])
    assert counts.sum() == record["num_query_pairs"] == record["fused_num_queries"]


def test_what_cannot_be_said_is_null(evaluation):
    unknown = {
        name: row | {"r_precision_low": float("nan")} for name, row in evaluation.rows.items()
    }
    record = evaluation_record(replace(evaluation, rows=unknown))
    assert record["fused_r_precision_low"] is None
