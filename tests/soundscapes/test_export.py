"""An exported classifier says what `predict_recordings` says, without our code."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from archives.embed.embed_sources import Decoding
from archives.embed.sources import Source
from fused_encoder.front_ends.known_ops import unknown_ops
from fused_encoder.front_ends.windows import front_end_from_function
from media import load_waveform
from soundscapes.classifier import SoundClassifier
from soundscapes.export import export_classifier, load_classifier_settings
from soundscapes.listening import listen
from soundscapes.mel_settings import MelSettings
from soundscapes.network import create_sound_classifier
from soundscapes.spectrogram import mel_front_end
from soundscapes.thresholds import certify_thresholds
from tests.soundscapes.conftest import CLASSES, RATE, tiny_classifier

PROGRAM = """
import sys, json
import numpy as np, tensorflow as tf
model = tf.saved_model.load(sys.argv[1])
answer = model.classify(np.load(sys.argv[2]))
assert not {"soundscapes", "fused_encoder", "media"} & set(sys.modules)
print(json.dumps({name: value.numpy().tolist() for name, value in answer.items()}))
"""


def graph_front_end():
    """Log power in 4 bands, in TensorFlow operations."""

    def embed(windows):
        power = tf.abs(tf.signal.rfft(windows)) ** 2
        bands = tf.reshape(power[:, 1:401], [-1, 4, 100])
        return tf.math.log(1e-4 + tf.reduce_mean(bands, axis=2))

    return front_end_from_function(
        tf.function(embed),
        name="bands in graph",
        sample_rate_hz=RATE,
        window_seconds=0.1,
        windows_per_batch=32,
        module=tf.Module(),
    )


@pytest.fixture(scope="module")
def folds():
    front_end = graph_front_end()
    return [replace(tiny_classifier(seed), front_end=front_end) for seed in (0, 1)]


def heard(classifiers, path):
    moments = []
    (one,) = listen(
        classifiers,
        [Source("recording", path)],
        decoding=Decoding(num_workers=0),
        take_moments=lambda _, scores: moments.append(scores),
    )
    return one, np.concatenate(moments)


@pytest.mark.parametrize("number", [1, 2])
def test_it_says_what_prediction_says_of_long_and_short_recordings(
    folds, recordings, tmp_path, number
):
    model = tf.saved_model.load(str(export_classifier(folds[:number], tmp_path / "model")))
    for name in ("long.wav", "short.wav"):
        waveform = load_waveform(recordings / name, sample_rate_hz=RATE)
        answer = model.classify(tf.constant(waveform))
        one, moments = heard(folds[:number], recordings / name)
        np.testing.assert_allclose(answer["scores"], one.recording, atol=1e-4)
        np.testing.assert_allclose(tf.sigmoid(answer["logits"]), one.recording, atol=1e-4)
        np.testing.assert_allclose(answer["moment_scores"], moments, atol=1e-4)
        np.testing.assert_allclose(answer["moment_starts"][:3], [0, 0.1, 0.2], atol=1e-6)


@pytest.mark.parametrize("hears", ["spectrograms", "embeddings"])
def test_the_networks_of_this_package_are_exported(recordings, tmp_path, hears):
    if hears == "spectrograms":
        settings = MelSettings(
            sample_rate_hz=RATE, num_bands=16, fft_lengths=(256,), hop_samples=128
        )
        front_end = mel_front_end(settings)
        network = create_sound_classifier(3, front_end, "small_cnn", num_bands=16, loudness="pcen")
        clip_frames = 96
    else:
        front_end, clip_frames = graph_front_end(), 10
        network = create_sound_classifier(3, front_end, "attention", hidden_size=8)
    classifier = SoundClassifier(network, front_end, CLASSES, clip_frames)
    path = export_classifier(classifier, tmp_path / "model")
    assert unknown_ops(path) == []
    waveform = load_waveform(recordings / "long.wav", sample_rate_hz=RATE)
    model = tf.saved_model.load(str(path))
    answer = model.classify(tf.constant(waveform))
    one, moments = heard([classifier], recordings / "long.wav")
    np.testing.assert_allclose(answer["scores"], one.recording, atol=1e-4)
    np.testing.assert_allclose(answer["moment_scores"], moments, atol=1e-4)


def test_a_clip_by_itself_has_the_logits_of_the_classifier(folds, recordings, tmp_path):
    classifier = folds[0]
    model = tf.saved_model.load(str(export_classifier(classifier, tmp_path / "model")))
    waveform = load_waveform(recordings / "long.wav", sample_rate_hz=RATE)[:RATE]
    expected = classifier.logits(classifier.front_end(waveform)[None])[0]
    np.testing.assert_allclose(model.classify(waveform)["logits"], expected, atol=1e-4)


def test_a_batch_is_padded_and_silence_has_no_score(folds, recordings, tmp_path):
    model = tf.saved_model.load(str(export_classifier(folds[0], tmp_path / "model")))
    long, short = (
        load_waveform(recordings / name, sample_rate_hz=RATE) for name in ("long.wav", "short.wav")
    )
    batch = np.zeros((3, len(long)), np.float32)
    batch[0], batch[1, : len(short)] = long, short
    answer = model.signatures["serving_default"](waveforms=tf.constant(batch))
    for row, waveform in enumerate((long, short)):
        alone = model.classify(tf.constant(waveform))
        np.testing.assert_allclose(answer["scores"][row], alone["scores"], atol=1e-5)
        num = len(alone["moment_scores"])
        moments = answer["moment_scores"][row]
        np.testing.assert_allclose(moments[:num], alone["moment_scores"], atol=1e-5)
        assert np.isnan(moments[num:]).all()
    assert np.isnan(answer["scores"][2]).all()


def test_it_runs_where_our_code_is_not(folds, recordings, tmp_path):
    path = export_classifier(folds, tmp_path / "model")
    waveform = load_waveform(recordings / "short.wav", sample_rate_hz=RATE)
    np.save(tmp_path / "waveform.npy", waveform)
    run = subprocess.run(
        [sys.executable, "-I", "-c", PROGRAM, path, tmp_path / "waveform.npy"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(run.stdout)
    one, _ = heard(folds, recordings / "short.wav")
    np.testing.assert_allclose(answer["scores"], one.recording, atol=1e-4)
    assert unknown_ops(path) == []


def test_classes_thresholds_and_how_to_resample_travel_inside(folds, tmp_path):
    thresholds = certify_thresholds(
        np.random.default_rng(0).uniform(0, 0.3, (100, 3)),
        np.zeros((100, 3)),
        range(100),
        class_names=CLASSES,
        false_positive_rate=0.05,
    )
    path = export_classifier(folds, tmp_path / "model", thresholds=thresholds)
    settings = load_classifier_settings(path)
    assert settings.class_names == CLASSES
    assert settings.front_end.sample_rate_hz == RATE
    assert settings.thresholds == thresholds
    assert (settings.num_classifiers, settings.hop_seconds) == (2, 0.5)
    assert export_classifier(folds[0], path) == path  # an older export is replaced
    assert load_classifier_settings(path).fingerprint != settings.fingerprint


def test_what_cannot_be_exported_says_why(folds, classifier, tmp_path):
    with pytest.raises(ValueError, match="'bands' is not made of TensorFlow operations"):
        export_classifier(classifier, tmp_path / "model")
    with pytest.raises(ValueError, match="classifier 2 has 'bands in graph' and 5 frames"):
        export_classifier([folds[0], replace(folds[1], clip_frames=5)], tmp_path / "model")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "photo.jpg").touch()
    with pytest.raises(FileExistsError, match="not an exported classifier"):
        export_classifier(folds, tmp_path / "mine")
    with pytest.raises(FileNotFoundError, match="No exported classifier"):
        load_classifier_settings(tmp_path)
