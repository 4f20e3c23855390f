import keras
import numpy as np
import pytest

from training import TripletLoss, create_triplet_model

ROLES = ("anchor", "positive", "negative")


@pytest.fixture
def inputs(triplets):
    batch, _ = next(iter(triplets.to_dataset(batch_size=4, shuffle=False)))
    return batch


def test_the_output_is_that_of_three_separate_calls_of_the_encoder(encoder, inputs):
    output = create_triplet_model(encoder)(inputs).numpy()
    for position, role in enumerate(ROLES):
        alone = encoder({f"{kind}_input": inputs[f"{role}_{kind}"] for kind in ("image", "audio")})
        np.testing.assert_allclose(output[:, position], alone, atol=1e-5)


def test_the_encoder_is_shared_and_not_copied(encoder):
    model = create_triplet_model(encoder)
    assert {id(w) for w in model.weights} == {id(w) for w in encoder.weights}


# Keras says so of every dataset; a caller silences it with fit(..., shuffle=False).
@pytest.mark.filterwarnings("ignore:.*shuffle=True:UserWarning")
def test_the_published_lines_lower_the_loss(encoder, triplets):
    model = create_triplet_model(encoder)
    # The published margin is 0.2; of so few triplets hardly any costs something at that.
    model.compile(optimizer="adam", loss=TripletLoss(margin=1.0))
    losses = model.fit(triplets.to_dataset(batch_size=8), epochs=3, verbose=0).history["loss"]
    assert np.isfinite(losses).all()
    assert np.mean(losses[1:]) < losses[0]


def test_a_saved_triplet_model_embeds_as_before(encoder, inputs, tmp_path):
    model = create_triplet_model(encoder)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_allclose(loaded(inputs), model(inputs), atol=1e-6)


def test_a_head_on_frozen_features_is_asked_for_features_instead_of_photos():
    features = keras.Input((7,), dtype="float16", name="image_input")
    audio = keras.Input((None, 1024), name="audio_input")
    pooled = keras.layers.GlobalAveragePooling1D()(audio)
    joined = keras.layers.Concatenate()([keras.layers.Dense(4)(features), pooled])
    head = keras.Model({"image_input": features, "audio_input": audio}, joined)
    model = create_triplet_model(head)
    assert {name: tensor.shape for name, tensor in model.input.items()} == {
        **{f"{role}_image": (None, 7) for role in ROLES},
        **{f"{role}_audio": (None, None, 1024) for role in ROLES},
    }
    assert model.input["anchor_image"].dtype == "float16"
    assert model.output_shape == (None, 3, 1028)
