"""How hard is the sample aviary? Raw features must not solve it; small trained networks must do well.

    python benchmarks/aviary_difficulty.py [--size standard] [--seed 0] [--json FILE]

Every row is the share of held-out photos or recordings whose individual (and whose species) is found
among the training material: by nearest neighbour, by logistic regression, or by a small network trained
from scratch. "Fused" adds the log-probabilities of a photo's and a recording's answer. Rows on genuine
weights need FUSED_ENCODER_WEIGHTS (default ../shared/weights) and are left out where it is absent.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import librosa
import numpy as np
import tensorflow as tf
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from aviary import Aviary, write_aviary
from media.images import load_image, resize_image
from media.sound import load_waveform

WEIGHTS = Path(
    os.environ.get(
        "FUSED_ENCODER_WEIGHTS", Path(__file__).resolve().parents[2] / "shared" / "weights"
    )
)
Table = dict[str, float]


class Split:
    """Training and held-out items of one modality, with class numbers.

    Args:
        folders: the training tree and the held-out tree.
        class_names: names of the class folders.
        load: what to make of a file.
    """

    def __init__(
        self,
        folders: tuple[Path, Path],
        class_names: tuple[str, ...],
        load: Callable[[Path], np.ndarray],
    ) -> None:
        self.items: list[np.ndarray] = []
        labels: list[int] = []
        held_out: list[bool] = []
        for is_held_out, folder in enumerate(folders):
            for label, name in enumerate(class_names):
                for path in sorted((folder / name).iterdir()):
                    self.items.append(load(path))
                    labels.append(label)
                    held_out.append(bool(is_held_out))
        self.labels = np.array(labels)
        self.is_held_out = np.array(held_out)

    @property
    def truth(self) -> np.ndarray:
        """The right answers: int [num_held_out]."""
        return self.labels[self.is_held_out]

    def nearest(self, features: np.ndarray) -> np.ndarray:
        """For each held-out item the class of its most similar training item (cosine): one-hot."""
        unit = features / np.linalg.norm(features, axis=1, keepdims=True)
        best = (unit[self.is_held_out] @ unit[~self.is_held_out].T).argmax(axis=1)
        return np.eye(self.labels.max() + 1)[self.labels[~self.is_held_out][best]]

    def regress(self, features: np.ndarray) -> np.ndarray:
        """Probabilities [num_held_out, num_classes] by logistic regression on the features."""
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=2000))
        model.fit(features[~self.is_held_out], self.labels[~self.is_held_out])
        return model.predict_proba(features[self.is_held_out])

    def learn(self, inputs: np.ndarray, epochs: int, *, may_mirror: bool) -> np.ndarray:
        """Probabilities by a small convolutional network, trained from scratch."""
        keras.utils.set_random_seed(0)
        model = small_network(inputs.shape[1:], int(self.labels.max()) + 1, may_mirror=may_mirror)
        num_steps = epochs * (np.sum(~self.is_held_out) // 32 + 1)
        rate = keras.optimizers.schedules.CosineDecay(2e-3, num_steps)
        model.compile(
            keras.optimizers.AdamW(rate, weight_decay=0.01), "sparse_categorical_crossentropy"
        )
        train = ~self.is_held_out
        model.fit(inputs[train], self.labels[train], batch_size=32, epochs=epochs, verbose=0)
        return model.predict(inputs[self.is_held_out], verbose=0)


def small_network(shape: tuple[int, ...], num_classes: int, *, may_mirror: bool) -> keras.Model:
    """Four convolutions with shifts (and mirroring) of the input while it trains."""
    layers = keras.layers
    inputs = keras.Input(shape)
    x = layers.RandomFlip("horizontal")(inputs) if may_mirror else inputs
    x = layers.RandomTranslation(0.08 if may_mirror else 0.03, 0.10, fill_mode="reflect")(x)
    if may_mirror:
        x = layers.RandomZoom((-0.15, 0.15), fill_mode="reflect")(x)
    for filters in (24, 48, 96, 128):
        x = layers.Conv2D(filters, 3, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.MaxPooling2D()(x)
    x = layers.Concatenate()([layers.GlobalMaxPooling2D()(x), layers.GlobalAveragePooling2D()(x)])
    outputs = layers.Dense(num_classes, activation="softmax")(layers.Dropout(0.3)(x))
    return keras.Model(inputs, outputs)


def measure(aviary: Aviary, epochs: int) -> Table:
    """All rows of the table, by their names in the JSON file."""
    names = aviary.class_names
    species = sorted(set(aviary.species_of.values()))
    species_of = np.array([species.index(aviary.species_of[name]) for name in names])
    photos = Split((aviary.images, aviary.held_out_images), names, load_image)
    calls = Split((aviary.audio, aviary.held_out_audio), names, load_waveform)
    table: Table = {}

    def score(row: str, probabilities: np.ndarray, truth: np.ndarray) -> None:
        answer = probabilities.argmax(axis=1)
        table[f"{row}_p1"] = float(np.mean(answer == truth))
        table[f"{row}_species_p1"] = float(np.mean(species_of[answer] == species_of[truth]))
        print(f"{row}: {table[row + '_p1']:.2f}", file=sys.stderr)

    answers: dict[str, dict[str, np.ndarray]] = {"trained": {}, "linear": {}}
    for row, kind, probabilities in photo_rows(photos, epochs):
        score(row, probabilities, photos.truth)
        answers.setdefault(kind, {})["photo"] = probabilities
    for row, kind, probabilities in call_rows(calls, epochs):
        score(row, probabilities, calls.truth)
        answers.setdefault(kind, {})["call"] = probabilities
    for kind in ("trained", "linear"):
        if len(answers[kind]) == 2:
            fused = sum(np.log(one + 1e-6) for one in answers[kind].values())
            score(f"fused_{kind}", np.asarray(fused), photos.truth)
    return table


def photo_rows(photos: Split, epochs: int) -> Iterator[tuple[str, str, np.ndarray]]:
    """Row, kind and answers on the photos."""
    pixels = np.stack([resize_image(item, (32, 32)).ravel() for item in photos.items])
    centred = pixels - pixels.mean(axis=1, keepdims=True)
    yield "pixels_nearest", "raw", photos.nearest(centred)
    small = np.stack([resize_image(item, (96, 128)) for item in photos.items]) / np.float32(255)
    small = (small - small.mean(axis=(1, 2), keepdims=True)) / small.std(
        axis=(1, 2, 3), keepdims=True
    )
    yield "small_cnn", "trained", photos.learn(small, epochs, may_mirror=True)
    weights = WEIGHTS / "mobilenet_v2_imagenet_notop.h5"
    if weights.is_file():
        network = keras.applications.MobileNetV2(
            weights=str(weights), include_top=False, pooling="avg", input_shape=(224, 224, 3)
        )
        views = np.stack([resize_image(item) for item in photos.items]) / np.float32(127.5) - 1
        features = network.predict(views, verbose=0)
        yield "mobilenet_nearest", "raw", photos.nearest(features)
        yield "mobilenet_linear", "linear", photos.regress(features)


def call_rows(calls: Split, epochs: int) -> Iterator[tuple[str, str, np.ndarray]]:
    """Row, kind and answers on the recordings."""
    mels = np.stack([log_mel(item) for item in calls.items])[..., None]
    flat = mels.mean(axis=2)[..., 0]
    yield "mel_nearest", "raw", calls.nearest(flat - flat.mean(axis=1, keepdims=True))
    yield "mel_cnn", "trained", calls.learn(mels, epochs, may_mirror=False)
    if (WEIGHTS / "yamnet").is_dir():
        yamnet = tf.saved_model.load(str(WEIGHTS / "yamnet"))
        frames = [yamnet(item)[1].numpy() for item in calls.items]
        means = np.stack([item.mean(axis=0) for item in frames])
        yield "yamnet_nearest", "raw", calls.nearest(means)
        peaks = np.stack([item.max(axis=0) for item in frames])
        yield "yamnet_linear", "linear", calls.regress(np.concatenate([means, peaks], axis=1))


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


def main() -> None:
    """Measure and print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", default="standard", choices=["tiny", "small", "standard"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=50, help="of the networks from scratch")
    parser.add_argument("--json", type=Path, help="write the numbers as one flat object")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        aviary = write_aviary(Path(directory) / "aviary", size=options.size, seed=options.seed)
        table = measure(aviary, options.epochs)
    print("| answer by | individual | species |\n|---|---|---|")
    for key, value in table.items():
        if not key.endswith("_species_p1"):
            row = key.removesuffix("_p1")
            print(f"| {row.replace('_', ' ')} | {value:.2f} | {table[row + '_species_p1']:.2f} |")
    if options.json:
        options.json.write_text(json.dumps(table, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
