import keras
import numpy as np
import pytest

from fused_encoder.front_ends.windows import front_end_from_function
from soundscapes.classifier import SoundClassifier
from student import ClassifierTeacher, train_head_teacher
from student.taught import load_teacher_outputs, save_teacher_outputs
from student.teacher import clip_means

RATE = 22_050  # a teacher's own, higher than the student's


@pytest.fixture(scope="module")
def front_end():
    def bands(windows):
        power = np.abs(np.fft.rfft(np.asarray(windows), axis=1))[:, :200] ** 2
        return np.log10(1e-3 + power.reshape(len(power), 40, 5).mean(axis=2)).astype("float32")

    return front_end_from_function(
        bands, name="bands", sample_rate_hz=RATE, window_seconds=0.1, windows_per_batch=32
    )


def test_a_teacher_hears_the_same_clips_at_its_own_rate(both_sides, front_end, store):
    training, _ = both_sides
    means = clip_means(front_end, training, store=store)
    assert means.shape == (len(training), 40)
    loudest = means[:, 1:].argmax(axis=1)
    by_class = [np.median(loudest[training.primary == k]) for k in range(3)]
    names = training.recordings.class_names
    low, middle, high = (by_class[names.index(n)] for n in ("Low", "Middle", "High"))
    assert low < middle < high


@pytest.mark.parametrize("head", ["linear", "published"])
def test_a_head_names_recordings_that_it_was_not_trained_on(both_sides, front_end, store, head):
    training, held_out = both_sides
    teacher = train_head_teacher(
        training, front_end, head=head, cross_fit=False, store=store, progress=False
    )
    said = teacher.outputs(held_out)
    assert said.summary.shape == (len(held_out), 40)
    assert (said.logits.argmax(axis=1) == held_out.primary).mean() > 0.8


def test_of_its_own_training_clips_a_teacher_speaks_without_having_seen_their_source(
    both_sides, front_end, store, monkeypatch
):
    monkeypatch.setattr("student.teacher_heads._CHOICES_OF_C", (0.01,))
    training, _ = both_sides
    teacher = train_head_teacher(training, front_end, store=store, progress=False)
    honest, own = teacher.cross_fitted.logits, teacher.outputs(training).logits
    rows = np.arange(len(training))
    assert honest.shape == own.shape
    surer = own[rows, training.primary] - honest[rows, training.primary]
    assert surer.mean() > 0


def test_a_sound_classifier_can_teach(both_sides, front_end):
    training, _ = both_sides
    frames = keras.Input((None, 40), name="frames")
    logits = keras.layers.Dense(3)(keras.layers.GlobalAveragePooling1D()(frames))
    classifier = SoundClassifier(
        keras.Model(frames, logits), front_end, training.recordings.class_names, 10
    )
    assert ClassifierTeacher(classifier).outputs(training).logits.shape == (len(training), 3)


def test_what_a_teacher_said_is_stored(tmp_path, both_sides, front_end, store):
    training, _ = both_sides
    said = train_head_teacher(training, front_end, store=store, progress=False).cross_fitted
    loaded = load_teacher_outputs(save_teacher_outputs(tmp_path / "teacher.npz", said))
    np.testing.assert_array_equal(loaded.logits, said.logits)
    np.testing.assert_array_equal(loaded.summary, said.summary)
