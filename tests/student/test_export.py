import json
import zipfile

import numpy as np
import pytest

from student import (
    Student,
    StudentHearing,
    StudentTraining,
    create_student,
    distil_student,
    export_litert,
    export_onnx,
    export_student_saved_model,
    litert_function,
    read_model_card,
)
from tests.fresh_process import printed_by

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


@pytest.fixture(scope="module")
def sounds(hearing):
    """Noise, a tone, faint noise with a loud moment, and silence: [4, clip_samples]."""
    rng, time = np.random.default_rng(0), np.arange(hearing.clip_samples) / hearing.sample_rate_hz
    noise = rng.normal(0, 0.1, len(time))
    faint = np.where(time < 0.1, noise, noise / 1000)
    return np.float32([noise, 0.3 * np.sin(2 * np.pi * 1500 * time), faint, 0 * time])


@pytest.mark.parametrize(
    ("precision", "most"), [("float32", 1e-3), ("float16", 0.05), ("dynamic", 0.3)]
)
def test_one_file_takes_the_waveform_and_hears_as_the_student_does(
    precision, most, student, sounds, tmp_path
):
    path = tmp_path / "student.tflite"
    export_litert(student, path, precision=precision, takes="waveform")
    run = litert_function(path.read_bytes())
    said = np.concatenate([run(waveform=sound[None]) for sound in sounds])
    ours = student.logits(*student.hearing.clip_inputs(sounds))
    np.testing.assert_allclose(said, ours, atol=most)
    assert read_model_card(path)["inputs"] == {"waveform": [8000]}


def test_in_8_bits_a_waveform_is_heard_in_float_numbers(student, both_sides, tmp_path):
    taken = {}
    for takes in ("mel", "waveform"):
        path = tmp_path / f"{takes}.tflite"
        written = export_litert(student, path, takes=takes, clips=both_sides[0])
        taken[takes] = litert_function(path.read_bytes())
        assert written.agreement >= 0.9
        assert written.kilobytes < 60
    one = both_sides[1].recordings[0]
    clip = student.hearing.clips(student.hearing.load(one.path))[:1]
    mel, features = student.hearing.clip_inputs(clip)
    expected = taken["mel"](mel=mel, features=features)
    np.testing.assert_allclose(taken["waveform"](waveform=clip), expected, atol=0.1)


def test_a_saved_model_takes_waveforms_too(student, sounds, tmp_path):
    import tensorflow as tf

    path = export_student_saved_model(student, tmp_path / "saved", takes="waveform")
    said = tf.saved_model.load(str(path)).signatures["serving_default"](waveform=sounds)["logits"]
    ours = student.logits(*student.hearing.clip_inputs(sounds))
    np.testing.assert_allclose(said, ours, atol=1e-3)


def test_windows_that_litert_cannot_transform_are_refused_before_work(tmp_path):
    hearing = StudentHearing(sample_rate_hz=8000, fft_length=600, hop_samples=300, num_bands=16)
    student = Student(create_student(3, hearing, **SMALL), hearing, ("a", "b", "c"))
    with pytest.raises(ValueError, match="windows of 600"):
        export_litert(student, tmp_path / "s.tflite", precision="float32", takes="waveform")


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


BOARD = """
import sys
class NoTensorFlow:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in ("tensorflow", "keras"):
            raise ModuleNotFoundError(f"{name} is not on this board")
sys.meta_path.insert(0, NoTensorFlow())
from pathlib import Path
import numpy as np
from student import StudentHearing, litert_function, read_model_card, unknown_rule_from
card = read_model_card(sys.argv[1])
hearing = StudentHearing.from_dict(card["hearing"])
mel, features = hearing.inputs(hearing.load(sys.argv[2]))
logits = litert_function(Path(sys.argv[1]).read_bytes())(mel=mel[:1], features=features[:1])
unknown_rule_from(card["unknown"]).is_known(logits)
np.save(sys.argv[3], logits)
"""


def test_a_board_without_tensorflow_hears_and_names(student, both_sides, tmp_path):
    pytest.importorskip("ai_edge_litert", reason="needs pip install 'fused-encoder[litert]'")
    path, out = tmp_path / "student.tflite", tmp_path / "logits.npy"
    export_litert(student, path, clips=both_sides[0])
    sound = both_sides[1].recordings[0].path
    printed_by(BOARD, path, sound, out)
    mel, features = (each[:1] for each in both_sides[1].inputs)
    np.testing.assert_allclose(
        np.load(out), litert_function(path.read_bytes())(mel=mel, features=features), atol=1e-4
    )


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
