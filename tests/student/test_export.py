import json
import zipfile

import numpy as np
import pytest

from student import (
    Student,
    StudentTraining,
    create_student,
    distil_student,
    export_litert,
    export_onnx,
    export_student_saved_model,
    read_model_card,
)
from student.export import litert_function

SMALL = {"channels": (4, 8), "feature_sizes": (8, 8), "hidden_size": 8}


@pytest.fixture(scope="module")
def student(both_sides):
    training, held_out = both_sides
    how = StudentTraining(epochs=8, batch_size=8, warm_up_epochs=0)
    return distil_student(training, held_out, options=how, progress=False, **SMALL).student


@pytest.mark.parametrize(
    ("precision", "least_agreement", "most"),
    [("float32", 1.0, 1e-3), ("float16", 1.0, 0.05), ("dynamic", 0.9, 0.5), ("int8", 0.9, 0.5)],
)
def test_a_file_names_what_the_student_names(
    precision, least_agreement, most, student, both_sides, tmp_path
):
    training, held_out = both_sides
    path = tmp_path / "student.tflite"
    written = export_litert(student, path, precision=precision, clips=training)
    run = litert_function(path.read_bytes())  # card and all
    theirs = np.concatenate(
        [run(mel=m[None], features=f[None]) for m, f in zip(*held_out.inputs, strict=True)]
    )
    ours = student.logits(*held_out.inputs)
    assert np.abs(theirs - ours).max() < most
    assert (theirs.argmax(1) == ours.argmax(1)).mean() >= least_agreement
    assert written.agreement >= least_agreement


def test_the_card_travels_in_the_file_and_any_unzip_reads_it(student, both_sides, tmp_path):
    path = tmp_path / "student.tflite"
    written = export_litert(
        student, path, clips=both_sides[0], told={"teacher": {"name": "birdnet"}}
    )
    card = read_model_card(path)
    assert card == json.loads(zipfile.ZipFile(path).read("model_card.json"))
    assert card["class_names"] == ["High", "Low", "Middle"]
    assert card["hearing"]["sample_rate_hz"] == 8000
    assert card["hearing"]["max_hz"] == 4000
    assert card["unknown"]["threshold"] == 0.7
    assert card["teacher"] == {"name": "birdnet"}
    assert card["export"]["kilobytes"] == written.kilobytes
    (tmp_path / "other.tflite").write_bytes(b"TFL3")
    with pytest.raises(ValueError, match="has no model_card"):
        read_model_card(tmp_path / "other.tflite")


def test_the_published_student_in_8_bits_is_below_100_kilobytes(hearing, both_sides, tmp_path):
    student = Student(create_student(3, hearing), hearing, ("a", "b", "c"))
    assert export_litert(student, tmp_path / "s.tflite", clips=both_sides[0]).kilobytes < 100


def test_int8_without_clips_is_refused(student, tmp_path):
    with pytest.raises(ValueError, match="int8 needs at least 16 clips"):
        export_litert(student, tmp_path / "s.tflite")


def test_a_saved_model_gives_the_same_logits(student, both_sides, tmp_path):
    import tensorflow as tf

    path = export_student_saved_model(student, tmp_path / "saved")
    mel, features = both_sides[1].inputs
    loaded = tf.saved_model.load(str(path)).signatures["serving_default"]
    said = loaded(mel=tf.constant(mel), features=tf.constant(features))["logits"]
    np.testing.assert_allclose(said, student.logits(mel, features), atol=1e-4)


@pytest.mark.filterwarnings("ignore")  # tf2onnx's own
@pytest.mark.parametrize("extra", [(), ("depth",)])
def test_onnx_gives_the_same_logits_where_numbers_are_missing_too(
    extra, hearing, both_sides, tmp_path
):
    why = "needs pip install 'fused-encoder[onnx-export]' onnxruntime"
    for package in ("tf2onnx", "onnx"):
        pytest.importorskip(package, reason=why)
    runtime = pytest.importorskip("onnxruntime", reason=why)
    network = create_student(3, hearing, num_extra=len(extra), **SMALL)
    mel, features = both_sides[1].inputs
    network.get_layer("feature_scaling").adapt(features)
    student = Student(network, hearing, ("a", "b", "c"), extra)
    inputs = {"mel": mel, "features": features}
    if extra:
        inputs["extra"] = np.where(np.arange(len(mel)) % 2, 12.0, np.nan).astype("f")[:, None]
    path = export_onnx(student, tmp_path / "student.onnx")
    said = runtime.InferenceSession(str(path)).run(["logits"], inputs)[0]
    np.testing.assert_allclose(said, student.logits(*inputs.values()), atol=1e-4)


def test_onnx_names_the_extra_where_it_is_missing(student, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "tf2onnx", None)
    with pytest.raises(ImportError, match="onnx-export"):
        export_onnx(student, tmp_path / "student.onnx")
