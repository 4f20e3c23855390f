import dataclasses
import json
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from fused_encoder import (
    as_front_end,
    create_fused_encoder,
    create_yamnet,
    extract_audio_sequence,
)
from fused_encoder.front_ends.yamnet_network import WaveformYamnet
from fused_encoder.image_branch import PixelScaling
from inference import export_saved_model
from inference.export import encoder_fingerprint, load_settings
from media import UnreadableMediaError

SERVING_PROCESS = """
import sys
import numpy as np
import tensorflow as tf

model = tf.saved_model.load(sys.argv[1])
inputs = np.load(sys.argv[2])
np.save(sys.argv[3], model.embed(inputs["images"], inputs["waveforms"]).numpy())
ours = {"fused_encoder", "inference", "training", "triplets", "app"} & set(sys.modules)
sys.exit(f"imported {ours}" if ours else 0)
"""

HEARD = {"audio_seconds": 2.0, "max_windows": 3}


def tone(seconds: float, hertz: float = 440.0) -> np.ndarray:
    times = np.arange(round(16_000 * seconds)) / 16_000
    return (0.3 * np.sin(2 * np.pi * hertz * times * (1 + times / 8))).astype(np.float32)


def photo(seed: int, height: int = 224, width: int = 224) -> np.ndarray:
    coarse = np.random.default_rng(seed).uniform(30, 220, (1, 7, 7, 3))
    return tf.image.resize(coarse, (height, width)).numpy().astype(np.uint8)[0]


@pytest.fixture(scope="module")
def model(exported):
    return tf.saved_model.load(str(exported))


@pytest.fixture(scope="module")
def batch():
    waveforms = np.zeros((2, 32_000), np.float32)
    waveforms[0, :32_000] = tone(2.0)
    waveforms[1, :16_000] = tone(1.0, 2000)
    return np.stack([photo(0), photo(1)]), waveforms


def in_process(encoder, yamnet, images, waveforms):
    """What the encoder itself says to one window of sound each."""
    embeddings = []
    for image, waveform in zip(images, waveforms, strict=True):
        sequence = extract_audio_sequence(yamnet, waveform)
        padded = np.zeros((1, 4, 1024), np.float32)
        padded[0, : len(sequence)] = sequence
        inputs = {"image_input": image[None] / np.float32(255), "audio_input": padded}
        embeddings.append(encoder(inputs, training=False)[0])
    return np.stack(embeddings)


def test_a_process_without_our_code_embeds_alike(exported, encoder, yamnet, batch, tmp_path):
    np.savez(tmp_path / "inputs.npz", images=batch[0], waveforms=batch[1])
    command = [sys.executable, "-I", "-W", "ignore", "-c", SERVING_PROCESS, str(exported)]
    files = [str(tmp_path / "inputs.npz"), str(tmp_path / "embeddings.npy")]
    finished = subprocess.run(
        [*command, *files], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert finished.returncode == 0, finished.stderr
    embeddings = np.load(tmp_path / "embeddings.npy")
    np.testing.assert_allclose(embeddings, in_process(encoder, yamnet, *batch), atol=1e-5)


def test_both_signatures_serve_their_type_of_image(model, batch):
    images, waveforms = batch
    expected = model.embed(images, waveforms).numpy()
    inputs = {"images": tf.constant(images), "waveforms": tf.constant(waveforms)}
    (served,) = model.signatures["serving_default"](**inputs).values()
    np.testing.assert_allclose(served, expected, atol=1e-6)
    inputs["images"] = tf.constant(images, tf.float32) / 255
    (served,) = model.signatures["float_images"](**inputs).values()
    np.testing.assert_allclose(served, expected, atol=1e-5)


@pytest.mark.parametrize("size", [(1200, 1600), (240, 320), (448, 448), (150, 300), (90, 100)])
def test_a_photo_of_any_size_is_embedded_as_an_embedder_embeds_it(model, embedder, size):
    image = photo(3, *size)
    noise = np.random.default_rng(0).integers(-30, 30, image.shape)
    image = np.clip(image.astype(int) + noise, 0, 255).astype(np.uint8)
    expected = np.asarray(embedder.embed(images=[image]), np.float64)
    for form in (image[None], tf.constant(image[None], tf.float32) / 255):
        found = model.embed(form, np.zeros((1, 0), np.float32)).numpy()
        # Pixels that lie between two levels may be rounded differently.
        assert 1 - found @ expected.T < 1e-5


def test_neither_photo_nor_sound_is_refused(model, embedder, batch):
    images, waveforms = (part.copy() for part in batch)
    images[1], waveforms[1] = 0, 0
    with pytest.raises(tf.errors.InvalidArgumentError, match="neither a photo nor a recording"):
        model.embed(images, waveforms)
    with pytest.raises(tf.errors.InvalidArgumentError, match="as many images as recordings"):
        model.embed(images, waveforms[:1])
    with pytest.raises(ValueError, match=r"Pairs \[1\] have neither a photo nor a recording"):
        embedder.embed_features([images[0], None], [None, None])


@pytest.mark.parametrize("factor", [1.0, -1 / 255])
def test_float_photos_beyond_0_and_1_are_refused(model, batch, factor):
    images = tf.cast(batch[0], tf.float32) * factor
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"float photos in \[0, 1\]"):
        model.embed(images, batch[1])


def test_constant_sound_is_refused_as_an_embedder_refuses_it(model, embedder, batch):
    images, waveforms = batch[0], np.zeros((2, 32_000), np.float32)
    waveforms[:, :20_000] = tone(1.25), np.full(20_000, 0.25)
    with pytest.raises(tf.errors.InvalidArgumentError, match="digital silence"):
        model.embed(images, waveforms)
    with pytest.raises(UnreadableMediaError, match="digital silence"):
        embedder.embed(list(images), list(waveforms))


def test_no_samples_and_zeros_both_mean_no_recording(model, encoder, batch):
    images, waveforms = batch
    absent = model.embed(images, np.zeros_like(waveforms)).numpy()
    none = model.embed(images, np.zeros((2, 0), np.float32)).numpy()
    inputs = {"image_input": images / np.float32(255), "audio_input": np.zeros((2, 1, 1024))}
    np.testing.assert_allclose(absent, encoder(inputs, training=False), atol=1e-5)
    np.testing.assert_array_equal(absent, none)


def test_a_black_image_means_no_photo(model, encoder, yamnet, batch):
    black = np.zeros_like(batch[0])
    embeddings = model.embed(black, batch[1]).numpy()
    np.testing.assert_allclose(embeddings, in_process(encoder, yamnet, black, batch[1]), atol=1e-5)
    small = model.embed(np.zeros((2, 10, 10, 3), np.uint8), batch[1]).numpy()
    np.testing.assert_allclose(embeddings, small, atol=1e-6)


def test_settings_travel_with_the_model(exported, encoder, yamnet):
    settings = load_settings(exported)
    assert settings.fingerprint == encoder_fingerprint(encoder, as_front_end(yamnet), **HEARD)
    assert settings.class_names == ("wren", "Zaunkönig")
    assert settings.thresholds == {"fused": 0.5, "image": 0.25, "audio": 0.75}
    assert (settings.embedding_size, settings.audio_seconds, settings.max_windows) == (128, 2.0, 3)
    assert settings.front_end == as_front_end(yamnet).spec
    assert settings.versions["tensorflow"] == tf.__version__


def test_what_cannot_be_exported_is_refused_before_anything_is_written(encoder, yamnet, tmp_path):
    for option in ({"audio_seconds": 0}, {"max_windows": 0}):
        with pytest.raises(ValueError, match=f"received .*{next(iter(option))}=0"):
            export_saved_model(encoder, yamnet, tmp_path / "encoder", **option)
    outside = dataclasses.replace(as_front_end(yamnet), name="tflite", module=None)
    with pytest.raises(ValueError, match="The audio front end 'tflite' is not made of TensorFlow"):
        export_saved_model(encoder, outside, tmp_path / "encoder")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_no_export_is_left_as_it_is(encoder, yamnet, tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(FileExistsError, match="is not an exported encoder; it is left as it is"):
        export_saved_model(encoder, yamnet, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_older_export_is_replaced_and_nothing_else_is_left(encoder, yamnet, tmp_path):
    path = tmp_path / "encoder"
    (path / "assets").mkdir(parents=True)
    (path / "assets" / "encoder.json").write_text("{}")
    (path / "old").write_text("")
    export_saved_model(encoder, yamnet, path, class_names=("rail",))
    assert load_settings(path).class_names == ("rail",)
    assert [entry.name for entry in tmp_path.iterdir()] == ["encoder"]
    assert not (path / "old").exists()


def _with_other_pixel_scale(layer):
    config = layer.get_config()
    if isinstance(layer, PixelScaling):
        config["scale"] = "unit"
    return layer.__class__.from_config(config)


def test_the_fingerprint_names_weights_front_end_wiring_and_cut(encoder, yamnet, tmp_path):
    encoder.save(tmp_path / "encoder.keras")
    again = keras.saving.load_model(tmp_path / "encoder.keras")
    front_end = as_front_end(yamnet)
    fingerprint = encoder_fingerprint(encoder, front_end, **HEARD)
    assert encoder_fingerprint(again, front_end, **HEARD) == fingerprint
    keras.utils.set_random_seed(5)
    heard_otherwise = as_front_end(WaveformYamnet(create_yamnet()))
    scaled = keras.models.clone_model(
        encoder, clone_function=_with_other_pixel_scale, recursive=True
    )
    scaled.set_weights(encoder.get_weights())
    weights = again.get_weights()
    weights[0].flat[0] += 1e-3
    again.set_weights(weights)
    fingerprints = {
        fingerprint,
        encoder_fingerprint(again, front_end, **HEARD),
        encoder_fingerprint(encoder, heard_otherwise, **HEARD),
        encoder_fingerprint(scaled, front_end, **HEARD),
        encoder_fingerprint(encoder, front_end, audio_seconds=5.0, max_windows=3),
        encoder_fingerprint(encoder, front_end, audio_seconds=2.0, max_windows=4),
    }
    assert len(fingerprints) == 6


def test_encoders_made_alike_have_one_fingerprint(yamnet):
    fingerprints = set()
    for _ in range(2):
        keras.utils.set_random_seed(7)
        alike = create_fused_encoder(image_backbone="small_cnn", image_weights=None, seed=7)
        fingerprints.add(encoder_fingerprint(alike, as_front_end(yamnet), **HEARD))
    assert len(fingerprints) == 1


def test_what_is_no_export_or_a_newer_one_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No exported encoder at .* assets/encoder\.json"):
        load_settings(tmp_path)
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "encoder.json").write_text(json.dumps({"schema": 2}))
    with pytest.raises(ValueError, match=r"has schema 2, this version reads up to 1\. Update"):
        load_settings(tmp_path)
