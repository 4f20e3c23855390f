"""`distil_student`: a small network that learns from labels and from what a teacher said, in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from keras import ops

from student.batches import StudentBatches
from student.clips import StudentClips
from student.network import FEATURE_SCALING, SOUND_SUMMARY, create_student
from student.options import StudentTraining
from student.student import Student
from student.taught import TeacherOutputs

TEACHER_LOGITS, TEACHER_SUMMARY = "teacher_logits", "teacher_summary"
_PREDICTED_AT_ONCE = 64


@dataclass(frozen=True)
class TrainedStudent:
    """What training gave.

    Attributes:
        student: with the weights of its best epoch, by the loss on the validation clips.
        final: with those of its last epoch.
        history: of each epoch, `loss`, `val_loss`, `val_accuracy`, `learning_rate` and others.
    """

    student: Student
    final: Student
    history: dict[str, list[float]]


def distil_student(
    clips: StudentClips,
    validation: StudentClips,
    taught: TeacherOutputs | None = None,
    *,
    network: keras.Model | None = None,
    options: StudentTraining | None = None,
    extra_names: Sequence[str] = (),
    progress: bool = True,
    **network_options: Any,  # of `create_student`
) -> TrainedStudent:
    """Trains a student.

    The loss of a batch is (1 - alpha) * cross-entropy with the labels + alpha * (temperature ** 2 *
    KL(teacher || student), both softened by the temperature, + feature_weight * `SimilarityLoss`). It is
    `keras.distillation.Distiller`'s; what the teacher said of each clip was computed once and is an input
    of the batch, so that a large teacher costs nothing here.

    Args:
        clips: of training recordings, from `prepare_clips`.
        validation: of other recordings, which choose the best epoch. They are of other sources than those
            trained on, and of others than those that are reported.
        taught: what a teacher said of each of `clips`; None: the student learns from labels alone, by the
            same recipe.
        network: from `create_student`. Default: a new one.
        options: the recipe.
        extra_names: of `clips.extra`, to be kept with the student.
        progress: whether to print the epochs.
        network_options: of `create_student`, where `network` is None.

    Raises:
        ValueError: clips, teacher and network do not fit.

    Reference:
        Hinton et al., Distilling the Knowledge in a Neural Network, 2015, https://arxiv.org/abs/1503.02531.
    Example:
        >>> taught = teacher.outputs(clips)
        >>> trained = distil_student(clips, validation, taught)
    """
    options = options or StudentTraining()
    class_names = clips.recordings.class_names
    _check(clips, validation, taught)
    keras.utils.set_random_seed(options.seed)
    if network is None:
        num_extra = clips.extra.shape[1]
        network = create_student(
            len(class_names), clips.hearing, num_extra=num_extra, **network_options
        )
    _adapt(network, clips)
    student = Student(network, clips.hearing, class_names, tuple(extra_names))
    best = _BestWeights(network, validation)
    learner, loss = _learner(network, taught, options)
    learner.compile(
        keras.optimizers.AdamW(
            options.learning_rate, weight_decay=options.weight_decay, clipnorm=options.clip_norm
        ),
        loss,
    )
    stored = [] if taught is None else taught.arrays
    num_outputs = len(loss) if isinstance(loss, tuple) else 1
    fitted = learner.fit(
        StudentBatches(clips, options, stored, num_outputs),
        epochs=options.epochs,
        callbacks=[best, *_callbacks(options)],
        verbose=2 if progress else 0,
    )
    final = keras.models.clone_model(network)
    final.set_weights(network.get_weights())
    network.set_weights(best.weights)
    history = {name: [float(v) for v in values] for name, values in fitted.history.items()}
    return TrainedStudent(student, replace(student, network=final), history)


@keras.saving.register_keras_serializable(package="fused_encoder")
class SimilarityLoss(keras.losses.Loss):
    """How differently two networks find the clips of a batch alike; they may be of any sizes.

    Mean square of the difference of the two tables of cosines between all clips of the batch.

    Reference:
        Tung and Mori, Similarity-Preserving Knowledge Distillation, 2019, https://arxiv.org/abs/1907.09682
        (cosines in place of rows of unit length).
    """

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        tables = [ops.normalize(each, axis=-1) for each in (y_true, y_pred)]
        teacher, student = (ops.matmul(each, ops.transpose(each)) for each in tables)
        return ops.mean(ops.square(teacher - student), axis=-1)


def _learner(
    network: keras.Model, taught: TeacherOutputs | None, options: StudentTraining
) -> tuple[keras.Model, Any]:
    """What `fit` is called on, and its loss: the student, or Keras' distiller with a teacher that recites.

    What a student knows of a clip is an output beside its logits. Named as a layer, Keras' distiller would
    find it by another pass: twice the work, and running means that move twice a step.
    """
    labels = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if taught is None:
        return network, labels
    distillation = keras.distillation
    # Named by a text, as by default, Keras 3.15 compares the logits themselves, with no softmax.
    divergence = keras.losses.KLDivergence()
    said = keras.Input((taught.logits.shape[1],), name=TEACHER_LOGITS)
    every, teacher, student = [*network.inputs, said], said, network.output
    losses: list[Any] = [distillation.LogitsDistillation(options.temperature, loss=divergence)]
    weights, loss = [1.0], labels
    if taught.summary is not None:
        known = keras.Input((None,), name=TEACHER_SUMMARY)  # of another size than the student's
        every.append(known)
        if options.feature_weight:
            teacher = (said, known)
            student = (student, network.get_layer(SOUND_SUMMARY).output)
            loss = (labels, _no_label)
            losses = [
                distillation.LogitsDistillation(options.temperature, loss=(divergence, None)),
                distillation.FeatureDistillation((None, SimilarityLoss())),
            ]
            weights.append(options.feature_weight)
    learner = distillation.Distiller(
        teacher=keras.Model(every, teacher, name="teacher"),
        student=keras.Model(every, student, name="learning_student"),
        distillation_losses=losses,
        distillation_loss_weights=weights,
        student_loss_weight=1.0 - options.alpha,
    )
    return learner, loss


def _no_label(species: keras.KerasTensor, summary: keras.KerasTensor) -> keras.KerasTensor:
    """Labels say nothing of what a student knows before it names species."""
    return ops.zeros(())


class _BestWeights(keras.callbacks.Callback):
    """Measures the student alone on validation clips, before other callbacks ask, and keeps its best."""

    def __init__(self, network: keras.Model, validation: StudentClips) -> None:
        super().__init__()
        self._network, self._validation = network, validation
        self._lowest = np.inf
        self.weights = network.get_weights()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        logits = predicted(self._network, self._validation)
        truth = self._validation.primary
        chances = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        loss = float(-chances[np.arange(len(truth)), truth].mean())
        if loss < self._lowest:
            self._lowest, self.weights = loss, self._network.get_weights()
        if logs is not None:
            logs |= {"val_loss": loss, "val_accuracy": float((logits.argmax(1) == truth).mean())}


def predicted(network: keras.Model, clips: StudentClips) -> np.ndarray:
    """Logits of clips, float32 [num_clips, num_classes]."""
    parts = []
    for start in range(0, len(clips), _PREDICTED_AT_ONCE):
        inputs = [each[start : start + _PREDICTED_AT_ONCE] for each in clips.inputs]
        parts.append(np.asarray(network.predict_on_batch(inputs)))
    return np.concatenate(parts)


def _callbacks(options: StudentTraining) -> list[keras.callbacks.Callback]:
    warm, peak = options.warm_up_epochs, options.learning_rate

    def rate(epoch: int, now: float) -> float:
        return peak * (epoch + 1) / (warm + 1) if epoch < warm else peak if epoch == warm else now

    callbacks = keras.callbacks
    return [
        callbacks.LearningRateScheduler(rate),
        callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=options.reduce_patience),
        callbacks.EarlyStopping("val_loss", patience=options.patience),
    ]


def _adapt(network: keras.Model, clips: StudentClips) -> None:
    """The scaling of features and surroundings becomes a part of the network, for use as for training."""
    if any(layer.name == FEATURE_SCALING for layer in network.layers):
        network.get_layer(FEATURE_SCALING).adapt(clips.features)
    if clips.extra.shape[1]:
        network.get_layer("surroundings").adapt(clips.extra)


def _check(clips: StudentClips, validation: StudentClips, taught: TeacherOutputs | None) -> None:
    if clips.hearing != validation.hearing:
        raise ValueError(
            "Training and validation clips were heard differently: prepare both alike."
        )
    if clips.recordings.class_names != validation.recordings.class_names:
        raise ValueError("Training and validation clips are of other lists of species.")
    if both := set(clips.sources) & set(validation.sources):
        raise ValueError(
            f"{len(both)} sources are in training and in validation, such as '{min(both)}'. Split with "
            "`split_recordings`."
        )
    counts = np.bincount(clips.primary, minlength=len(clips.recordings.class_names))
    if without := [
        name for name, num in zip(clips.recordings.class_names, counts, strict=True) if not num
    ]:
        raise ValueError(
            f"No clip of {', '.join(map(repr, without))} to train on. Add some, or take the species out."
        )
    if taught is not None and taught.logits.shape != (
        len(clips),
        len(clips.recordings.class_names),
    ):
        raise ValueError(
            f"Expected the teacher's logits [{len(clips)}, {len(clips.recordings.class_names)}], received "
            f"{list(taught.logits.shape)}."
        )
