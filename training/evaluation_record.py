"""An evaluation as one record of plain numbers and names, to be written as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from inference.embeddings import fingerprint_of
from inference.export import library_versions
from training.evaluate import Evaluation

SCHEMA = 1


def evaluation_record(evaluation: Evaluation, notes: Sequence[str] = ()) -> dict[str, object]:
    """All that an evaluation found, in flat keys; what cannot be said is None (null in JSON).

    - `schema`, int; `versions`, of the libraries; `encoder_fingerprint`, which encoder; `notes`, sentences.
    - `num_classes`; `num_query_pairs` and `num_gallery_pairs`, int.
    - `<row>_<number>` for each row of `evaluate_encoder`, such as `fused_precision_at_1`,
      `image_only_mean_average_precision_at_r_low` and `audio_only_num_queries`.
    - `comparisons`: one `Comparison` for each way of asking, per photo and per recording.
    - `threshold_<pattern>` for "fused", "image" and "audio": see `measure_threshold`.
    - `classes`: one `ClassResult` per class.
    - `confusion_counts`: int, how often query pairs of a class (outer list) had a nearest neighbour of a
      class (inner list), in the order of `confusion_class_names`.

    Args:
        evaluation: from `evaluate_encoder`.
        notes: what the reader of the numbers must know.

    Returns:
        Strings, numbers, None, and lists and dictionaries of them.
    """
    record: dict[str, object] = {
        "schema": SCHEMA,
        "encoder_fingerprint": fingerprint_of(evaluation.queries.by_pattern["fused"]),
        "notes": list(notes),
        "num_classes": len(evaluation.class_names),
        "num_query_pairs": len(evaluation.queries.pairs.labels),
        "num_gallery_pairs": len(evaluation.gallery.pairs.labels),
    }
    for name, row in evaluation.rows.items():
        record |= {f"{name}_{number}": _plain(number, value) for number, value in row.items()}
    for pattern, threshold in evaluation.thresholds.items():
        record[f"threshold_{pattern}"] = threshold
    record["comparisons"] = [_plain_values(asdict(row)) for row in evaluation.comparisons]
    record["classes"] = [_plain_values(asdict(result)) for result in evaluation.classes]
    record["confusion_class_names"] = list(evaluation.class_names)
    record["confusion_counts"] = evaluation.confusion.tolist()
    record["versions"] = library_versions()
    return record


def _plain_values(record: Mapping[str, object]) -> dict[str, object]:
    return {
        name: _plain(name, value) if isinstance(value, float) else value
        for name, value in record.items()
    }


def _plain(name: str, value: float) -> float | int | None:
    if math.isnan(value):
        return None
    return int(value) if name.startswith("num_") else float(value)
