"""How hard is the sample aviary? Raw features must not solve it; small trained networks must do well.

python benchmarks/aviary_difficulty.py [--size standard] [--seed 0] [--json FILE]

Every row is the share of held-out photos or recordings whose individual (and whose species) is found among
the training material: by nearest neighbour, by logistic regression, or by a small network trained from
scratch. "Fused" adds the log-probabilities of a photo's and a recording's answer. Rows on genuine weights
are left out where the weights are absent.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras
import librosa
import numpy as np
import tensorflow as tf
from common import Figures, read_options, report, weights_folder
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from aviary import Aviary, write_aviary
from media.images import load_image, resize_image
from media.sound import load_waveform

NEAREST = KNeighborsClassifier(1, metric="cosine")
LINEAR = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))


def main() -> None:
    """Measures a new aviary."""
    options = read_options(__doc__, size="standard", seed=0, epochs=50)
    with tempfile.TemporaryDirectory() as directory:
        aviary = write_aviary(Path(directory) / "aviary", size=options.size, seed=options.seed)
        figures = measure(aviary, options.epochs)
    report(options.json, figures)


@dataclass
class SmallNetwork:
    """Four convolutions, trained from scratch with variations of the input [num, height, width, channels]."""

    epochs: int
    variations: tuple[Callable[[], keras.Layer], ...]

    def fit(self, inputs: np.ndarray, labels: np.ndarray) -> None:
        """Trains."""
        keras.utils.set_random_seed(0)
        layers = keras.layers
        x = entry = keras.Input(inputs.shape[1:])
        for vary in self.variations:
            x = vary()(x)
        for filters in (24, 48, 96, 128):
            x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
            x = layers.ReLU()(layers.BatchNormalization()(x))
            x = layers.MaxPooling2D()(x)
        pooled = [layers.GlobalMaxPooling2D()(x), layers.GlobalAveragePooling2D()(x)]
        x = layers.Dropout(0.3)(layers.Concatenate()(pooled))
        answers = layers.Dense(int(labels.max()) + 1, activation="softmax")(x)
        self.model = keras.Model(entry, answers)
        num_steps = self.epochs * (len(inputs) // 32 + 1)
        rate = keras.optimizers.schedules.CosineDecay(2e-3, num_steps)
        optimizer = keras.optimizers.AdamW(rate, weight_decay=0.01)
        self.model.compile(optimizer, "sparse_categorical_crossentropy")
        self.model.fit(inputs, labels, batch_size=32, epochs=self.epochs, verbose=0)

    def predict_proba(self, inputs: np.ndarray) -> np.ndarray:
        """Probabilities [num, num_classes]."""
        return self.model.predict(inputs, verbose=0)


def measure(aviary: Aviary, epochs: int) -> Figures:
    """All rows of the table, by their names in the JSON file."""
    names = aviary.class_names
    species_of = np.array([aviary.species_of[name] for name in names])
    figures: Figures = {}
    load_call = partial(load_waveform, sample_rate_hz=16_000)
    answers: dict[str, list[np.ndarray]] = {"nearest": [], "cnn": [], "linear": []}

    def score(row: str, probabilities: np.ndarray, truth: np.ndarray) -> None:
        answer = probabilities.argmax(axis=1)
        figures[f"{row}_p1"] = float(np.mean(answer == truth))
        figures[f"{row}_species_p1"] = float(np.mean(species_of[answer] == species_of[truth]))
        print(f"{row}: {figures[row + '_p1']:.2f}", file=sys.stderr)

    for sides, load, rows in (
        ((aviary.images, aviary.held_out_images), load_image, photo_rows),
        ((aviary.audio, aviary.held_out_audio), load_call, call_rows),
    ):
        files = [[path for name in names for path in sorted((s / name).iterdir())] for s in sides]
        items = [load(path) for side in files for path in side]
        known, truth = (np.array([names.index(p.parent.name) for p in side]) for side in files)
        for row, model, features in rows(items, epochs):
            model.fit(features[: len(known)], known)
            probabilities = model.predict_proba(features[len(known) :])
            score(row, probabilities, truth)
            answers[row.rpartition("_")[2]].append(probabilities)
    for kind, row in (("cnn", "fused_trained"), ("linear", "fused_linear")):
        if len(answers[kind]) == 2:
            photo, call = (np.log(one + 1e-6) for one in answers[kind])
            score(row, photo + call, truth)
    return figures


def photo_rows(photos: list[np.ndarray], epochs: int) -> Iterator[tuple]:
    """Row, model and features of the photos."""
    pixels = np.stack([resize_image(photo, (32, 32)).ravel() for photo in photos])
    yield "pixels_nearest", NEAREST, pixels - pixels.mean(axis=1, keepdims=True)
    small = np.stack([resize_image(photo, (96, 128)) for photo in photos]) / np.float32(255)
    small = small - small.mean(axis=(1, 2), keepdims=True)
    small = small / small.std(axis=(1, 2, 3), keepdims=True)
    variations = (
        partial(keras.layers.RandomFlip, "horizontal"),
        partial(keras.layers.RandomTranslation, 0.08, 0.10, fill_mode="reflect"),
        partial(keras.layers.RandomZoom, (-0.15, 0.15), fill_mode="reflect"),
    )
    yield "small_cnn", SmallNetwork(epochs, variations), small
    weights = weights_folder() / "mobilenet_v2_imagenet_notop.h5"
    if weights.is_file():
        network = keras.applications.MobileNetV2(
            weights=str(weights), include_top=False, pooling="avg", input_shape=(224, 224, 3)
        )
        views = np.stack([resize_image(photo) for photo in photos]) / np.float32(127.5) - 1
        features = network.predict(views, verbose=0)
        yield "mobilenet_nearest", NEAREST, features
        yield "mobilenet_linear", LINEAR, features


def call_rows(calls: list[np.ndarray], epochs: int) -> Iterator[tuple]:
    """Row, model and features of the recordings."""
    mels = np.stack([log_mel(call) for call in calls])[..., None]
    flat = mels.mean(axis=2)[..., 0]
    yield "mel_nearest", NEAREST, flat - flat.mean(axis=1, keepdims=True)
    shift = partial(keras.layers.RandomTranslation, 0.03, 0.10, fill_mode="reflect")
    yield "mel_cnn", SmallNetwork(epochs, (shift,)), mels
    if (weights_folder() / "yamnet").is_dir():
        yamnet = tf.saved_model.load(str(weights_folder() / "yamnet"))
        frames = [yamnet(call)[1].numpy() for call in calls]
        means = np.stack([each.mean(axis=0) for each in frames])
        yield "yamnet_nearest", NEAREST, means
        peaks = np.stack([each.max(axis=0) for each in frames])
        yield "yamnet_linear", LINEAR, np.concatenate([means, peaks], axis=1)


def log_mel(waveform: np.ndarray) -> np.ndarray:
    """float32 [64, 256]: log mel energies of the loudest 4 seconds or so, without the steady noise."""
    power = librosa.feature.melspectrogram(
        y=waveform, sr=16000, n_fft=512, hop_length=250, n_mels=64, fmin=800, fmax=7800
    )
    logs = np.log(power + 1e-8)
    logs = logs - np.median(logs, axis=1, keepdims=True)
    logs = np.pad(logs, ((0, 0), (0, max(0, 256 - logs.shape[1]))))
    energy = np.convolve(np.maximum(logs, 0).mean(axis=0), np.ones(256), mode="valid")
    start = int(energy.argmax())
    window = logs[:, start : start + 256]
    return ((window - window.mean()) / (window.std() + 1e-6)).astype(np.float32)


if __name__ == "__main__":
    main()
