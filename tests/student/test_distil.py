import keras
import numpy as np
import pytest

from student import (
    SimilarityLoss,
    StudentTraining,
    TeacherOutputs,
    create_student,
    distil_student,
)
from student.distil import _learner, predicted

SMALL = {"channels": (4, 8), "feature_sizes": (8, 8), "hidden_size": 8}
QUICK = StudentTraining(epochs=3, batch_size=8, warm_up_epochs=1)


@pytest.fixture(scope="module")
def taught(both_sides):
    training, _ = both_sides
    logits = 4 * np.eye(3, dtype=np.float32)[training.primary]
    return TeacherOutputs(
        logits, np.random.default_rng(0).normal(size=(len(training), 5)).astype("float32")
    )


def test_a_student_learns_from_a_teacher_and_keeps_its_best_weights(both_sides, taught):
    training, validation = both_sides
    trained = distil_student(training, validation, taught, options=QUICK, progress=False, **SMALL)
    assert min(trained.history["val_loss"]) < trained.history["val_loss"][0] * 1.001
    logits = predicted(trained.student.network, validation)
    chances = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    loss = -chances[np.arange(len(validation)), validation.primary].mean()
    assert loss == pytest.approx(min(trained.history["val_loss"]), rel=1e-4)


def test_the_loss_is_the_published_one(both_sides, taught):
    """0.3 cross-entropy with labels + 0.7 (9 KL at temperature 3 + 2 similarity)."""
    training, _ = both_sides
    network = create_student(3, training.hearing, dropouts=(0.0, 0.0), **SMALL)
    learner, loss = _learner(network, taught, StudentTraining(feature_weight=2.0))
    learner.compile(loss=loss)
    x = [each[:8] for each in (*training.inputs, *taught.arrays)]
    rng = np.random.default_rng(2)
    said, known = rng.normal(size=(8, 3)).astype("f"), rng.normal(size=(8, 16)).astype("f")
    outputs = (keras.ops.array(said), keras.ops.array(known))
    total = float(learner.compute_loss(x, (training.primary[:8],) * 2, outputs))

    def softmax(values):
        return np.exp(values) / np.exp(values).sum(axis=1, keepdims=True)

    labels = -np.log(softmax(said)[np.arange(8), training.primary[:8]]).mean()
    p, q = softmax(taught.logits[:8] / 3), softmax(said / 3)
    alike = float(SimilarityLoss()(taught.summary[:8], known))
    divergence = (p * np.log(p / q)).sum(1).mean()
    assert total == pytest.approx(0.3 * labels + 0.7 * (9 * divergence + 2 * alike), rel=1e-3)


def test_a_step_hears_each_clip_once_so_that_running_means_move_once(both_sides, taught):
    training, _ = both_sides
    network = create_student(3, training.hearing, dropouts=(0.0, 0.0), **SMALL)
    learner, loss = _learner(network, taught, StudentTraining())
    learner.compile(keras.optimizers.SGD(0.0), loss)
    x = [each[:8] for each in (*training.inputs, *taught.arrays)]
    learner.fit(x, (training.primary[:8],) * 2, batch_size=8, verbose=0)
    scaling = network.get_layer("convolution_1_scaling")
    convolved = keras.Model(network.inputs, network.get_layer("convolution_1").output)(x[:2])
    once = (1 - scaling.momentum) * np.mean(convolved, axis=(0, 1, 2))
    np.testing.assert_allclose(scaling.moving_mean, once, rtol=1e-3, atol=1e-6)


def test_similarity_is_that_of_all_pairs_whatever_the_sizes():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(4, 5)).astype("float32"), rng.normal(size=(4, 2)).astype("float32")

    def cosine(x, y):
        return x @ y / np.linalg.norm(x) / np.linalg.norm(y)

    pairs = [(cosine(a[i], a[j]) - cosine(b[i], b[j])) ** 2 for i in range(4) for j in range(4)]
    assert float(SimilarityLoss()(a, b)) == pytest.approx(np.mean(pairs), rel=1e-4)


def test_training_and_validation_of_one_source_are_refused(both_sides):
    training, _ = both_sides
    with pytest.raises(ValueError, match="are in training and in validation"):
        distil_student(training, training, options=QUICK, progress=False)


def test_features_are_scaled_inside_the_network_in_training_and_in_use(both_sides, tmp_path):
    training, validation = both_sides
    student = distil_student(
        training, validation, options=StudentTraining(epochs=1), progress=False, **SMALL
    ).student
    scaling = student.network.get_layer("feature_scaling")
    np.testing.assert_allclose(np.ravel(scaling.mean), training.features.mean(axis=0), rtol=1e-3)
    student.network.save(tmp_path / "student.keras")
    loaded = keras.saving.load_model(tmp_path / "student.keras")
    expected = student.logits(validation.mel, validation.features)
    np.testing.assert_allclose(loaded([validation.mel, validation.features]), expected, atol=1e-4)
    # Other units would be another answer: nothing outside the network scales them.
    assert not np.allclose(
        student.logits(validation.mel, validation.features / 1000), expected, atol=1e-3
    )
