"""How much faster the mel front end is than librosa, and an epoch from the store than one from the files.

python benchmarks/spectrogram_speed.py [--rounds 9] [--recordings 40] [--json FILE]

`front_end_speedup`: the published spectrogram of clips of 5 s by the layer, in batches of 32, against
`librosa.feature.melspectrogram` and `power_to_db` clip by clip, as published code calls them;
`_fixed_bands` is against librosa with its mel bands computed once. `stored_epoch_speedup`: an epoch reads one
clip of 5 s from anywhere in each recording of warbler_songs, in batches of 32: from rows made beforehand,
against decoding the files and computing the rows of the clips. That is the reading alone; `_with_network`
adds a training step of a small network, the same for both. All ways take turns, with the files in the
operating system's cache.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from statistics import median

import keras
import librosa
import numpy as np
import tensorflow as tf
from common import Figures, data_folder, in_turns, read_options, report, seconds

from media import load_waveform
from soundscapes import ClipScale, MelSpectrogram
from soundscapes.spectrogram_store import make_spectrograms, spectrogram_totals
from triplets import PreparedMedia, scan_folders

RATE_HZ, SECONDS, BATCH = 32_000, 5, 32
CLIP_SAMPLES = RATE_HZ * SECONDS
CLIP_ROWS = 1 + (CLIP_SAMPLES - 2048) // 512
STFT = {"n_fft": 2048, "hop_length": 512, "pad_mode": "constant"}
BANDS = {"n_mels": 128, "fmin": 20, "fmax": 16_000}


def main() -> None:
    """Measures both."""
    options = read_options(__doc__, rounds=9, recordings=40)
    report(options.json, front_end(options.rounds) | stored_epoch(options.recordings, 3))


def front_end(num_rounds: int) -> Figures:
    """Seconds of 32 clips by the layer and by librosa, and their ratios."""
    rng = np.random.default_rng(0)
    batches = rng.normal(0, 0.1, (num_rounds + 1, BATCH, CLIP_SAMPLES)).astype(np.float32)
    layer = MelSpectrogram()
    in_graph = tf.function(layer, input_signature=[tf.TensorSpec([None, CLIP_SAMPLES])])
    ways = [
        lambda clips: in_graph(clips).numpy(),
        librosa_rows,
        partial(librosa_rows, bands=bands()),
    ]
    for way in ways:
        np.testing.assert_allclose(way(batches[-1]), ways[1](batches[-1]), atol=0.01)
    ours, published, fixed = in_turns(ways, batches[:-1])
    return {
        "front_end_speedup": published / ours,
        "front_end_speedup_fixed_bands": fixed / ours,
        "layer_ms_per_clip": 1000 * ours / BATCH,
        "librosa_ms_per_clip": 1000 * published / BATCH,
    }


def bands() -> np.ndarray:
    """Librosa's, float32 [128, 1025]."""
    return librosa.filters.mel(sr=RATE_HZ, n_fft=2048, **BANDS)


def librosa_rows(clips: np.ndarray, bands: np.ndarray | None = None) -> np.ndarray:
    """One clip after the other, float32 [batch, 313, 128]."""
    rows = []
    for clip in clips:
        if bands is None:
            power = librosa.feature.melspectrogram(y=clip, sr=RATE_HZ, **STFT, **BANDS)
        else:
            power = bands @ np.square(np.abs(librosa.stft(clip, **STFT)))
        rows.append(librosa.power_to_db(power, top_db=None).T)
    return np.stack(rows)


def stored_epoch(num_recordings: int, num_rounds: int) -> Figures:
    """Seconds of an epoch from the store and from the files, and their ratios."""
    files = scan_folders(None, data_folder("warbler_songs"))
    some = files.recordings[:: max(len(files.recordings) // num_recordings, 1)]
    network = small_network(len(files.class_names))
    with tempfile.TemporaryDirectory() as folder:
        prepared = make_spectrograms(replace(files, recordings=some), folder, progress=False)
        totals = spectrogram_totals(prepared)
        ways = [partial(read, reader, prepared) for reader in (from_store, from_files)]
        taken = [
            [seconds(way, trained, seed) for way in ways for trained in (None, network)]
            for seed in range(num_rounds + 1)
        ][1:]
    stored, stored_trained, decoded, decoded_trained = map(median, zip(*taken, strict=True))
    return {
        "stored_epoch_speedup": decoded / stored,
        "stored_epoch_speedup_with_network": decoded_trained / stored_trained,
        "stored_clip_ms": 1000 * stored / len(prepared.recordings),
        "decoded_clip_ms": 1000 * decoded / len(prepared.recordings),
        "network_clip_ms": 1000 * (stored_trained - stored) / len(prepared.recordings),
        "store_mb_per_hour": totals.num_bytes / 1e6 / totals.hours,
        "num_recordings": totals.num_recordings,
    }


def read(reader, prepared: PreparedMedia, network: keras.Model | None, seed: int) -> None:
    """An epoch: all batches are read, and the network, if there is one, is trained with each."""
    for rows, species in reader(prepared, np.random.default_rng(seed)):
        if network is not None:
            network.train_on_batch(rows, species)


def from_store(prepared: PreparedMedia, rng: np.random.Generator) -> Iterator[tuple]:
    """Batches of clips cut from stored rows."""
    for files in batches_of(prepared):
        clips = np.zeros((len(files), CLIP_ROWS, 128), np.float32)
        for clip, file in zip(clips, files, strict=True):
            rows = file.feature()
            start = rng.integers(0, max(len(rows) - CLIP_ROWS, 0) + 1)
            part = rows[start : start + CLIP_ROWS]
            clip[: len(part)] = part
        yield clips, np.array([file.class_index for file in files])


def from_files(prepared: PreparedMedia, rng: np.random.Generator) -> Iterator[tuple]:
    """Batches of clips cut from decoded files, and their rows."""
    for files in batches_of(prepared):
        clips = np.zeros((len(files), CLIP_SAMPLES), np.float32)
        for clip, file in zip(clips, files, strict=True):
            waveform = load_waveform(file.path, sample_rate_hz=RATE_HZ)
            start = rng.integers(0, max(len(waveform) - CLIP_SAMPLES, 0) + 1)
            part = waveform[start : start + CLIP_SAMPLES]
            clip[: len(part)] = part
        yield ROWS(clips).numpy(), np.array([file.class_index for file in files])


ROWS = tf.function(
    MelSpectrogram(padding="valid"), input_signature=[tf.TensorSpec([None, CLIP_SAMPLES])]
)


def batches_of(prepared: PreparedMedia) -> Iterator[tuple]:
    """32 files at a time."""
    for first in range(0, len(prepared.recordings), BATCH):
        yield prepared.recordings[first : first + BATCH]


def small_network(num_classes: int) -> keras.Model:
    """Four convolutions, 25,000 weights: small beside any network in use."""
    layers = [keras.Input((CLIP_ROWS, 128)), ClipScale(), keras.layers.Reshape((CLIP_ROWS, 128, 1))]
    for filters in (8, 16, 32, 64):
        layers.append(keras.layers.Conv2D(filters, 3, 2, "same", activation="relu"))
    layers += [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(num_classes)]
    network = keras.Sequential(layers)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    network.compile("adam", loss, jit_compile=False)
    return network


if __name__ == "__main__":
    main()
