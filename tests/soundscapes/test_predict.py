"""A prediction's tables say the same as each other, and lose no file."""

import csv
import json

import numpy as np
import pytest
from pyarrow import parquet

from archives.embed.embed_sources import Decoding
from individuals.outputs import read_audacity_labels, read_raven_table
from media import save_image, save_waveform
from soundscapes.predict import predict_recordings
from soundscapes.prediction_settings import PredictionSettings
from soundscapes.smoothing import Smoothing
from soundscapes.thresholds import certify_thresholds
from tests.soundscapes.conftest import CLASSES, RATE, tiny_classifier, tone

HERE = Decoding(num_workers=0)


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def predicted(classifier, recordings, tmp_path):
    save_image(recordings / "photo.png", np.full((20, 20, 3), 100, np.uint8))
    inputs = [recordings, recordings / "photo.png", recordings / "missing.wav"]
    return predict_recordings(classifier, inputs, tmp_path / "out", decoding=HERE)


def test_every_file_has_a_row_and_bad_ones_a_reason(predicted, recordings):
    rows = {row["file"].rpartition("/")[2]: row for row in rows_of(predicted.folder / "files.csv")}
    statuses = {name: row["status"] for name, row in rows.items()}
    assert statuses == {
        **dict.fromkeys(("long.wav", "short.wav"), "ok"),
        **dict.fromkeys(("broken.wav", "missing.wav", "photo.png"), "unreadable"),
        "silent.wav": "silent",
    }
    assert rows["silent.wav"]["not_heard"] == "0.00-2.00 silent"
    assert rows["photo.png"]["reason"].startswith("not a recording, but image")
    assert {row.file for row in predicted.not_whole} == {
        str(recordings / name) for name in ("broken.wav", "missing.wav", "photo.png", "silent.wav")
    }


def test_the_tables_hold_the_same_scores(predicted, recordings):
    folder, path = predicted.folder, str(recordings / "long.wav")
    segments = parquet.read_table(folder / "segments.parquet").to_pandas()
    birdclef = {row["row_id"]: row for row in rows_of(folder / "birdclef.csv")}
    assert {"long_5", "long_10", "long_15", "short_5", "silent_5"} == birdclef.keys()
    long = segments[segments.file == path]
    assert long.end_seconds.tolist() == [5.0, 10.0, 12.0]
    for end, values in zip((5, 10, 15), long[list(CLASSES)].to_numpy(), strict=True):
        row = [float(birdclef[f"long_{end}"][name]) for name in CLASSES]
        np.testing.assert_allclose(row, values, atol=1e-6)
    assert {birdclef["silent_5"][name] for name in CLASSES} == {""}
    assert segments[segments.file.str.endswith("silent.wav")][list(CLASSES)].isna().all(axis=None)
    recording = parquet.read_table(folder / "recordings.parquet").to_pandas().set_index("file")
    (submitted,) = [
        row for row in rows_of(folder / "submission.csv") if row["filename"] == "long.wav"
    ]
    assert submitted["predicted_species"] == recording.loc[path].idxmax()
    assert float(submitted["confidence"]) == pytest.approx(recording.loc[path].max(), abs=1e-6)


def test_events_are_where_the_tones_are_in_every_format(predicted, recordings):
    folder, path = predicted.folder, str(recordings / "long.wav")
    events = [row for row in rows_of(folder / "events.csv") if row["file"] == path]
    places = [
        (row["species"], float(row["start_seconds"]), float(row["end_seconds"])) for row in events
    ]
    assert [name for name, _, _ in places] == list(CLASSES)
    for (_, start, end), (low, high) in zip(places, [(0, 4), (4, 8), (8, 12)], strict=True):
        assert (start, end) == pytest.approx((low, high), abs=0.11)
    table = parquet.read_table(folder / "events.parquet").to_pylist()
    assert [row["species"] for row in table if row["file"] == path] == list(CLASSES)
    raven = read_raven_table(
        folder / "raven" / "long.Table.1.selections.txt", individual_column="Species"
    )
    assert [(s.individual, s.start_seconds, s.end_seconds) for s in raven] == places
    audacity = read_audacity_labels(folder / "audacity" / "long.labels.txt", media=path)
    assert [(s.individual, s.start_seconds, s.end_seconds) for s in audacity] == places
    counts = {row["species"]: row for row in rows_of(folder / "species.csv")}
    assert (counts["middle"]["num_events"], counts["middle"]["num_recordings"]) == ("1", "1")
    assert float(counts["middle"]["seconds"]) == pytest.approx(4.0, abs=0.2)
    confidence = rows_of(folder / "confidence.csv")
    assert sum(int(row["num_recordings"]) for row in confidence) == 2


def test_smoothing_changes_segments_only_and_is_told(classifier, recordings, tmp_path):
    plain = predict_recordings(classifier, [recordings], tmp_path / "plain", decoding=HERE)
    smooth = predict_recordings(
        classifier,
        [recordings],
        tmp_path / "smooth",
        smoothing=Smoothing(num_top=2, neighbour_share=0.2),
        decoding=HERE,
    )
    assert (smooth.breaks_calibration, plain.breaks_calibration) == (("num_top",), ())
    record = json.loads((smooth.folder / "prediction.json").read_text())
    assert record["smoothing"] == ["neighbour_share", "num_top"]
    assert record["breaks_calibration"] == ["num_top"]
    for name in ("events.csv", "submission.csv", "species.csv"):
        assert (smooth.folder / name).read_text() == (plain.folder / name).read_text()
    tables = [
        parquet.read_table(one.folder / "segments.parquet").to_pandas() for one in (plain, smooth)
    ]
    assert (tables[1].low < tables[0].low).any()


def test_thresholds_decide_what_is_an_event(classifier, recordings, tmp_path):
    rng = np.random.default_rng(0)
    thresholds = certify_thresholds(
        rng.uniform(0, 0.3, (100, 3)),
        np.zeros((100, 3)),
        range(100),
        class_names=CLASSES,
        false_positive_rate=0.05,
    )
    assert thresholds.num_certified == 3
    given = predict_recordings(
        classifier, [recordings], tmp_path / "a", thresholds=thresholds, decoding=HERE
    )
    levels = json.loads((given.folder / "prediction.json").read_text())["thresholds"]
    assert list(levels.values()) == [one.threshold for one in thresholds.species]
    none = predict_recordings(
        classifier, [recordings], tmp_path / "b", thresholds=1.0, decoding=HERE
    )
    assert rows_of(none.folder / "events.csv") == []


def test_a_ranking_ensemble_ranks_all_segments_of_the_run(recordings, tmp_path):
    ensemble = [tiny_classifier(0), tiny_classifier(1)]
    save_waveform(recordings / "other.wav", tone(11.0, 1500), RATE)
    out = predict_recordings(
        ensemble,
        [recordings],
        tmp_path / "out",
        settings=PredictionSettings(ensemble="rank"),
        decoding=HERE,
    )
    assert out.breaks_calibration == ("ensemble rank",)
    table = parquet.read_table(out.folder / "segments.parquet").to_pandas()
    heard = table[~table.low.isna()]
    assert heard.middle.max() > 0.9
    assert heard.loc[heard.middle.idxmax(), "file"].endswith(("long.wav", "other.wav"))


def test_nothing_to_hear_is_an_error_and_leaves_no_tables(classifier, tmp_path):
    save_image(tmp_path / "photo.png", np.full((20, 20, 3), 100, np.uint8))
    with pytest.raises(ValueError, match="not a recording, but image"):
        predict_recordings(classifier, [tmp_path / "photo.png"], tmp_path / "out")
    assert not (tmp_path / "out").exists()
