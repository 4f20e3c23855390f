"""The fused encoder: its published size, its unit vectors, and that it lives through saving."""

from pathlib import Path

import keras
import numpy as np
import pytest

from fused_encoder import create_fused_encoder, load_encoder
from fused_encoder.encoder import split_encoder
from tests.fresh_process import printed_by

PUBLISHED_LAYERS = {
    "vgg16": 14_714_688,
    "image_features": 262_656,
    "audio_bilstm": 1_180_672,
    "audio_features": 65_792,
    "fusion_dense": 196_864,
    "fusion_norm": 1_024,
    "projection": 32_896,
}


def _pairs(batch: int = 4, num_frames: int = 6) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "image_input": rng.uniform(0, 1, (batch, 224, 224, 3)).astype(np.float32),
        "audio_input": rng.normal(size=(batch, num_frames, 1024)).astype(np.float32),
    }


def _layer(encoder: keras.Model, name: str) -> keras.Layer:
    """A layer, wherever in the encoder it stands."""
    return next(layer for layer in encoder._flatten_layers() if layer.name == name)


def _small_encoder(**options) -> keras.Model:
    """A little encoder whose tokens and statistics are not at their initial values."""
    keras.utils.set_random_seed(1)
    encoder = create_fused_encoder(image_backbone="small_cnn", image_weights=None, **options)
    rng = np.random.default_rng(2)
    for name in ("missing_modality", "fusion_norm"):
        layer = _layer(encoder, name)
        layer.set_weights([rng.uniform(0.5, 1, value.shape) for value in layer.get_weights()])
    return encoder


@pytest.fixture(scope="module")
def encoder():
    return _small_encoder()


@pytest.fixture(scope="module")
def embeddings(encoder):
    return encoder(_pairs()).numpy()


@pytest.fixture(scope="module")
def published():
    return create_fused_encoder(image_weights=None)


def test_the_network_has_the_published_layers_and_two_tokens_of_ours(published):
    sizes = {name: _layer(published, name).count_params() for name in PUBLISHED_LAYERS}
    assert sizes == PUBLISHED_LAYERS
    assert sum(PUBLISHED_LAYERS.values()) == 16_454_592
    assert _layer(published, "missing_modality").count_params() == 768
    assert published.count_params() == 16_454_592 + 768


def test_inputs_and_output_have_the_documented_names_and_forms(published):
    assert published.name == "fused_encoder"
    assert {tensor.name: tensor.shape for tensor in published.inputs} == {
        "image_input": (None, 224, 224, 3),
        "audio_input": (None, None, 1024),
    }
    assert published.output_shape == (None, 128)


@pytest.mark.parametrize("absent", [[], ["image_input"], ["audio_input"]])
def test_embeddings_have_unit_length_whatever_is_absent(encoder, absent):
    pairs = _pairs()
    embeddings = encoder(pairs | {name: np.zeros_like(pairs[name]) for name in absent}).numpy()
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("absent", "layers"),
    [
        ("image_input", ("small_cnn", "image_features")),
        ("audio_input", ("audio_bilstm", "audio_features")),
    ],
)
def test_the_branch_of_what_is_absent_has_no_say(absent, layers):
    encoder = _small_encoder()
    pairs = _pairs()
    pairs[absent] = np.zeros_like(pairs[absent])
    before = encoder(pairs).numpy()
    for name in layers:
        layer = _layer(encoder, name)
        layer.set_weights([value + 1 for value in layer.get_weights()])
    np.testing.assert_array_equal(encoder(pairs), before)


def test_sizes_of_embedding_and_frames_can_be_chosen():
    encoder = _small_encoder(embedding_size=7, audio_size=12)
    assert encoder.input["audio_input"].shape == (None, None, 12)
    assert encoder.output_shape == (None, 7)


def test_padding_of_the_sound_does_not_matter(encoder, embeddings):
    pairs = _pairs()
    pairs["audio_input"] = np.pad(pairs["audio_input"], [(0, 0), (0, 9), (0, 0)])
    np.testing.assert_allclose(encoder(pairs), embeddings, atol=1e-6)


def test_a_saved_encoder_loads_in_a_fresh_process_with_equal_outputs(encoder, embeddings, tmp_path):
    encoder.save(tmp_path / "encoder.keras")
    np.savez(tmp_path / "pairs.npz", **_pairs())
    program = (
        "import sys, numpy as np; from pathlib import Path; from fused_encoder import load_encoder\n"
        "folder = Path(sys.argv[1]); encoder = load_encoder(folder / 'encoder.keras')\n"
        "np.save(folder / 'embeddings.npy', encoder(dict(np.load(folder / 'pairs.npz'))))\n"
    )
    printed_by(program, tmp_path)
    np.testing.assert_allclose(np.load(tmp_path / "embeddings.npy"), embeddings, atol=1e-6)


def test_a_loaded_encoder_keeps_its_modality_dropout_and_what_is_trained(tmp_path):
    encoder = _small_encoder(modality_dropout=0.35, seed=4)
    _layer(encoder, "small_cnn").trainable = False
    encoder.save(tmp_path / "encoder.keras")
    loaded = load_encoder(str(tmp_path / "encoder.keras"))
    assert _layer(loaded, "missing_modality").get_config()["dropout_rate"] == 0.35
    assert len(loaded.trainable_weights) == len(encoder.trainable_weights)


def test_what_is_no_encoder_is_refused(tmp_path):
    image = keras.Input((3,), name="pixels")
    keras.Model(image, keras.layers.Dense(2)(image)).save(tmp_path / "other.keras")
    (tmp_path / "torn.keras").write_bytes(b"PK\x03\x04 torn")
    for name, error, message in (
        ("gone.keras", FileNotFoundError, r"No encoder at '.*gone\.keras'\. Expected a \.keras"),
        ("other.keras", ValueError, "is not a fused encoder: .* received pixels"),
        ("torn.keras", ValueError, r"torn\.keras"),
    ):
        with pytest.raises(error, match=message):
            load_encoder(tmp_path / name)


def test_a_lambda_from_a_stranger_is_not_run(tmp_path):
    image, audio = (keras.Input((2,), name=f"{kind}_input") for kind in ("image", "audio"))
    total = keras.layers.Lambda(lambda values: values[0] + values[1])([image, audio])
    keras.Model([image, audio], total).save(tmp_path / "stranger.keras")
    with pytest.raises(ValueError, match="Lambda"):
        load_encoder(Path(tmp_path / "stranger.keras"))


def _rgb_model() -> keras.Model:
    image = keras.Input((224, 224, 3))
    return keras.Model(image, keras.layers.Conv2D(4, 8, 8)(image), name="eyes")


def _rgb_function(image: keras.KerasTensor) -> keras.KerasTensor:
    return keras.ops.mean(keras.layers.Conv2D(4, 8, 8)(image * 2.0 - 1.0), axis=(1, 2))


@pytest.mark.parametrize("backbone", ["small_cnn", "mobilenet_v2", _rgb_model, _rgb_function])
def test_the_two_halves_in_a_row_are_the_encoder(backbone):
    made = backbone() if backbone is _rgb_model else backbone
    encoder = create_fused_encoder(image_backbone=made, image_weights=None)
    pairs = _pairs()
    pairs["image_input"][1] = 0
    pairs["audio_input"][2] = 0
    see, join = split_encoder(encoder)
    features, has_image = see(pairs["image_input"])
    assert has_image.numpy().tolist() == [True, False, True, True]
    halves = join([features, has_image, keras.ops.convert_to_tensor(pairs["audio_input"])])
    np.testing.assert_allclose(halves, encoder(pairs), atol=1e-6)


def test_training_the_encoder_leaves_its_halves():
    encoder = _small_encoder()
    see, join = split_encoder(encoder)
    image, audio = map(keras.ops.convert_to_tensor, _pairs().values())
    before = join([*see(image), audio]).numpy()
    encoder.set_weights([value + 1 for value in encoder.get_weights()])
    np.testing.assert_array_equal(join([*see(image), audio]), before)
