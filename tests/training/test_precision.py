import keras
import numpy as np
import pytest

from fused_encoder.encoder import load_encoder
from training import TripletLoss, create_triplet_model
from training.precision import in_float32, precision_of, with_dtype_policy

MIXED = ["mixed_float16", "mixed_bfloat16"]


def some_pairs():
    rng = np.random.default_rng(0)
    photos = rng.uniform(size=(4, 224, 224, 3)).astype("float32")
    sounds = rng.normal(size=(4, 6, 1024)).astype("float32")
    photos[0], sounds[1], sounds[2, 3:] = 0, 0, 0
    return {"image_input": photos, "audio_input": sounds}


def embed(encoder):
    """Embeddings of the pairs, without tracing a graph."""
    return encoder(some_pairs(), training=False).numpy()


@pytest.fixture(scope="module", params=MIXED)
def mixed(request, small_encoder):
    with with_dtype_policy(request.param):
        return small_encoder(), request.param


def test_the_policy_of_the_program_is_as_before_also_after_an_error():
    with with_dtype_policy("mixed_bfloat16"):
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
        with pytest.raises(TypeError), with_dtype_policy("mixed_float16"):
            keras.layers.Dense()
        assert keras.config.dtype_policy().name == "mixed_bfloat16"
    assert keras.config.dtype_policy().name == "float32"


def test_a_mixed_encoder_has_float32_weights_and_unit_vectors(mixed, small_encoder):
    encoder, _ = mixed
    assert encoder.get_layer("image_head").get_layer("image_features").compute_dtype != "float32"
    assert {weight.dtype for weight in encoder.weights} == {"float32"}
    embeddings = embed(encoder)
    assert embeddings.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1.0, atol=1e-6)
    np.testing.assert_allclose(embeddings, embed(small_encoder()), atol=0.02)


def test_a_mixed_encoder_learns_and_loads_in_its_precision(mixed, triplets, tmp_path):
    encoder, precision = mixed
    with with_dtype_policy(precision):
        model = create_triplet_model(encoder)
    model.compile(keras.optimizers.Adam(1e-3, global_clipnorm=1.0), TripletLoss(mining="semi-hard"))
    scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert scaled == (precision == "mixed_float16")
    model.optimizer.build(model.trainable_variables)  # the step is then traced once
    losses = model.fit(triplets.to_dataset(8), epochs=3, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
    assert min(losses[1:]) < losses[0]
    encoder.save(tmp_path / "encoder.keras")
    loaded = load_encoder(tmp_path / "encoder.keras")
    assert precision_of(loaded) == precision
    expected = embed(encoder)
    np.testing.assert_array_equal(embed(loaded), expected)


def test_a_mixed_encoder_in_float32_has_the_same_weights_and_nearly_the_same_embeddings(mixed):
    encoder, _ = mixed
    plain = in_float32(encoder)
    assert precision_of(plain) == "float32"
    assert {layer.compute_dtype for layer in plain._flatten_layers()} == {"float32"}
    for ours, theirs in zip(plain.get_weights(), encoder.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    expected = embed(encoder)
    np.testing.assert_allclose(embed(plain), expected, atol=0.02)
