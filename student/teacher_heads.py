"""Heads of teachers: logistic regression or the published four layers, and what they say of the unseen."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import keras
import numpy as np
from keras import layers

from student.features import FEATURE_NAMES

_CHOICES_OF_C = (0.001, 0.01, 0.1, 1.0)
_NUM_FOLDS, _FOLDS_OF_CHOICE = 5, 3
_PUBLISHED_SIZES = (256, 128, 64)
_DROPOUTS = (0.3, 0.2, 0.2)
_EPOCHS = 60


@dataclass(frozen=True)
class KnownClips:
    """Training clips as heads see them."""

    sound: np.ndarray
    features: np.ndarray
    classes: np.ndarray
    sources: np.ndarray

    def only(self, places: np.ndarray) -> KnownClips:
        """Some of them."""
        return KnownClips(
            self.sound[places], self.features[places], self.classes[places], self.sources[places]
        )


TrainHead = Callable[[KnownClips, int, int], keras.Model]


def _folds(known: KnownClips, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Grouped by source, stratified by species: training and held-out clips."""
    from sklearn.model_selection import StratifiedGroupKFold

    num_folds = min(_NUM_FOLDS, len(np.unique(known.sources)))
    splitter = StratifiedGroupKFold(num_folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():  # that species have fewer clips than there are folds
        warnings.simplefilter("ignore", UserWarning)
        return list(splitter.split(known.sound, known.classes, known.sources))


def cross_fitted_logits(
    known: KnownClips, num_classes: int, train: TrainHead, seed: int
) -> np.ndarray:
    """Of each clip what a head says that was trained without its source, [num_clips, num_classes]."""
    logits = np.zeros((len(known.sound), num_classes), np.float32)
    for training, held_out in _folds(known, seed):
        network = train(known.only(training), num_classes, seed)
        asked = known.only(held_out)
        logits[held_out] = head_logits(network, asked.sound, asked.features)
    return logits


def linear_head(known: KnownClips, num_classes: int, seed: int) -> keras.Model:
    """Logistic regression as a network: standardisation and one layer."""
    from sklearn.linear_model import LogisticRegression

    network, scaled = _scaled_inputs(known)
    inside = keras.Model(network.inputs, scaled)
    values = head_logits(inside, known.sound, known.features)
    choices = [_surprise(values, known, c, seed) for c in _CHOICES_OF_C]
    best = _CHOICES_OF_C[int(np.argmin(choices))]
    model = LogisticRegression(C=best, max_iter=2000).fit(values, known.classes)
    dense = layers.Dense(num_classes, name="logits")
    network = keras.Model(network.inputs, dense(scaled), name="teacher_head")
    kernel = np.zeros((values.shape[1], num_classes), np.float32)
    bias = np.full(num_classes, -10.0, np.float32)  # of species without a clip
    if len(model.classes_) == 2:
        first, second = model.classes_
        kernel[:, first], kernel[:, second] = -model.coef_[0] / 2, model.coef_[0] / 2
        bias[first], bias[second] = -model.intercept_[0] / 2, model.intercept_[0] / 2
    else:
        kernel[:, model.classes_], bias[model.classes_] = model.coef_.T, model.intercept_
    dense.set_weights([kernel, bias])
    return network


def _surprise(values: np.ndarray, known: KnownClips, c: float, seed: int) -> float:
    """Mean -log of the probability of the truth, of sources that were left out.

    What a teacher says is used as probabilities: they are what C is chosen by, and not how often it is right.
    """
    from sklearn.linear_model import LogisticRegression

    lost = []
    for training, held_out in _folds(known, seed)[:_FOLDS_OF_CHOICE]:
        model = LogisticRegression(C=c, max_iter=2000)
        model.fit(values[training], known.classes[training])
        asked = np.isin(known.classes[held_out], model.classes_)
        truth = np.searchsorted(model.classes_, known.classes[held_out][asked])
        logs = model.predict_log_proba(values[held_out][asked])
        lost.append(-logs[np.arange(len(truth)), truth])
    return float(np.concatenate(lost).mean())


def head_logits(network: keras.Model, sound: np.ndarray, features: np.ndarray) -> np.ndarray:
    """What a head says of clips, [num_clips, num_classes]."""
    return np.asarray(network([sound, features], training=False), np.float32)


def published_head(known: KnownClips, num_classes: int, seed: int) -> keras.Model:
    """Four layers, with layer normalisation and dropout between them."""
    keras.utils.set_random_seed(seed)
    inputs, hidden = _scaled_inputs(known)
    for number, (size, dropout) in enumerate(zip(_PUBLISHED_SIZES, _DROPOUTS, strict=True), 1):
        hidden = layers.Dense(size, name=f"layer_{number}")(hidden)
        hidden = layers.LayerNormalization(name=f"layer_{number}_scaling")(hidden)
        hidden = layers.Activation("relu", name=f"layer_{number}_relu")(hidden)
        hidden = layers.Dropout(dropout, name=f"layer_{number}_dropout")(hidden)
    logits = layers.Dense(num_classes, name="logits")(hidden)
    network = keras.Model(inputs.inputs, logits, name="teacher_head")
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile(keras.optimizers.AdamW(1e-3, weight_decay=0.01, clipnorm=1.0), loss)
    network.fit([known.sound, known.features], known.classes, epochs=_EPOCHS, verbose=0)
    return network


def _scaled_inputs(known: KnownClips) -> tuple[keras.Model, keras.KerasTensor]:
    """Both inputs, each standardised to the training clips, side by side."""
    sound = keras.Input((known.sound.shape[1],), name="sound")
    features = keras.Input((len(FEATURE_NAMES),), name="features")
    scalings = [layers.Normalization(name=f"{kind}_scaling") for kind in ("sound", "features")]
    for scaling, values in zip(scalings, (known.sound, known.features), strict=True):
        scaling.adapt(values)
    scaled = [s(each) for s, each in zip(scalings, (sound, features), strict=True)]
    both = layers.Concatenate(name="sound_and_features")(scaled)
    return keras.Model([sound, features], both), both
