import keras
import numpy as np
import pytest
from keras import layers

from fused_encoder import create_fused_encoder, load_encoder
from fused_encoder.audio_branch import audio_input
from fused_encoder.fusion import IsPresent, MissingModality, fuse
from fused_encoder.image_branch import image_input
from training import TripletLoss, create_triplet_model
from training.frozen_trunk import FrozenTrunk, split_frozen_trunk

RNG = np.random.default_rng(0)
PHOTOS = RNG.random((2, 224, 224, 3), np.float32)
SOUNDS = RNG.random((2, 6, 1024), np.float32)


def conv_stack(*, num_frozen: int, after_frozen: layers.Layer | None = None) -> keras.Model:
    """Four strided convolutions, each with BatchNorm; the first few are frozen."""
    image = keras.Input((224, 224, 3))
    x = layers.AveragePooling2D(8)(image)
    for stage in range(4):
        trainable = stage >= num_frozen
        x = layers.Conv2D(6 + stage, 3, 2, "same", trainable=trainable, name=f"conv{stage}")(x)
        x = layers.BatchNormalization(trainable=trainable, name=f"norm{stage}")(x)
        x = layers.ReLU(name=f"relu{stage}")(x)
        if after_frozen is not None and stage == 0:
            x = after_frozen(x)
    return keras.Model(image, x, name="conv_stack")


def encoder_of(backbone: keras.Model, **options: object) -> keras.Model:
    return create_fused_encoder(
        image_backbone=backbone, image_weights=None, embedding_size=8, **options
    )


def named(backbone: str, trainable: str) -> keras.Model:
    return create_fused_encoder(
        image_backbone=backbone, image_weights=None, image_trainable=trainable
    )


def split(encoder: keras.Model) -> FrozenTrunk:
    frozen = split_frozen_trunk(encoder)
    assert frozen is not None
    return frozen


def ask(model: keras.Model, images: np.ndarray, **options: bool) -> np.ndarray:
    return model({"image_input": images, "audio_input": SOUNDS}, **options)


def ids(weights: list) -> set[int]:
    return {id(weight) for weight in weights}


@pytest.mark.parametrize("num_frozen", [1, 3, 4])
@pytest.mark.parametrize(
    ("fusion", "training"),
    [("concatenate", False), ("concatenate", True), ("additive", False)],  # its Dropout draws anew
)
def test_head_behind_trunk_gives_what_the_encoder_gives(num_frozen, fusion, training):
    encoder = encoder_of(conv_stack(num_frozen=num_frozen), modality_dropout=0.0, fusion=fusion)
    frozen = split(encoder)
    features = frozen.trunk(PHOTOS, training=training).numpy()
    np.testing.assert_allclose(
        ask(frozen.head, features, training=training),
        ask(encoder, PHOTOS, training=training),
        atol=1e-6,
    )


@pytest.mark.parametrize(
    ("backbone", "trainable", "shape"),
    [
        ("small_cnn", "none", (192,)),
        ("small_cnn", "last_block", (14, 14, 96)),
        ("vgg16", "last_block", (14, 14, 512)),
        ("resnet50", "last_block", (14, 14, 1024)),
        ("densenet121", "last_block", (14, 14, 1024)),
        ("inception_v3", "last_block", (5, 5, 1280)),
        ("mobilenet_v2", "last_block", (7, 7, 160)),
        ("mobilenet_v2", "none", (1280,)),
    ],
)
def test_the_cut_lies_right_before_the_first_trained_layer(backbone, trainable, shape):
    encoder = named(backbone, trainable)
    frozen = split(encoder)
    assert frozen.feature_shape == shape
    assert ids(frozen.head.trainable_weights) == ids(encoder.trainable_weights)
    assert not frozen.trunk.trainable_weights
    assert ids(encoder.variables) == ids(frozen.trunk.variables) | ids(frozen.head.variables)


def test_nothing_frozen_before_the_first_trained_layer_gives_no_trunk():
    assert split_frozen_trunk(named("small_cnn", "all")) is None
    constants = keras.Sequential(
        [
            keras.Input((224, 224, 3)),
            layers.Normalization(mean=0.4, variance=0.1),
            layers.Conv2D(4, 3, 8),
        ]
    )
    assert split_frozen_trunk(encoder_of(constants)) is None


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (layers.Dropout(0.5), (14, 14, 6)),
        (layers.BatchNormalization(), (14, 14, 6)),  # its averages move in training
        (layers.BatchNormalization(trainable=False), (4, 4, 8)),
    ],
)
def test_what_differs_between_training_and_inference_is_never_cut_off(layer, shape):
    encoder = encoder_of(conv_stack(num_frozen=3, after_frozen=layer))
    assert split(encoder).feature_shape == shape


def test_a_shortcut_across_the_cut_moves_it_to_where_all_paths_meet():
    image = keras.Input((224, 224, 3))
    stem = layers.Conv2D(4, 3, 16, "same", trainable=False, name="stem")(image)
    deeper = layers.Conv2D(4, 3, 1, "same", trainable=False, name="deeper")(stem)
    trained = layers.Conv2D(4, 3, 1, "same")(deeper)
    frozen = split(encoder_of(keras.Model(image, layers.Add()([stem, trained]))))
    assert frozen.trunk.layers[-1].layers[-1].name == "stem"


def test_models_inside_models_are_cut_too_and_may_be_sequential():
    block = keras.Sequential(
        [layers.Conv2D(5, 3, 16, trainable=False), layers.ReLU(), layers.Conv2D(7, 3, 2)]
    )
    outer = keras.Sequential([keras.Input((224, 224, 3)), layers.Rescaling(2.0), block])
    encoder = encoder_of(outer, modality_dropout=0.0)
    frozen = split(encoder)
    assert frozen.feature_shape == (14, 14, 5)
    np.testing.assert_allclose(
        ask(frozen.head, frozen.trunk(PHOTOS).numpy()), ask(encoder, PHOTOS), atol=1e-6
    )


def test_any_fusion_behind_the_features_will_do():
    image, audio = image_input(), audio_input()
    pooled = layers.GlobalAveragePooling2D()(conv_stack(num_frozen=4)(image))
    seen = layers.Concatenate()([layers.Dense(9)(pooled), layers.UnitNormalization()(pooled)])
    heard = layers.GlobalAveragePooling1D()(audio)
    present = [IsPresent()(image), IsPresent()(audio)]
    both = MissingModality(0.0)([seen, heard, *present])
    outputs = {"embedding": fuse(*both, embedding_size=8), "seen": seen}
    encoder = keras.Model({"image_input": image, "audio_input": audio}, outputs)
    frozen = split(encoder)
    assert frozen.feature_shape == (9,)
    apart, whole = ask(frozen.head, frozen.trunk(PHOTOS).numpy()), ask(encoder, PHOTOS)
    for name in outputs:
        np.testing.assert_allclose(apart[name], whole[name], atol=1e-6)


def test_several_views_of_a_photo_are_cut_off_together_or_not_at_all():
    frozen_backbone = encoder_of(conv_stack(num_frozen=4), photo_views="zooms")
    frozen = split(frozen_backbone)
    assert frozen.trunk(PHOTOS).shape == (2, 9)
    assert split_frozen_trunk(encoder_of(conv_stack(num_frozen=3), photo_views="zooms")) is None


def test_features_that_are_all_zero_are_an_absent_photo():
    encoder = encoder_of(conv_stack(num_frozen=2))
    absent = np.zeros((2, *split(encoder).feature_shape), np.float32)
    np.testing.assert_allclose(
        ask(split(encoder).head, absent), ask(encoder, np.zeros_like(PHOTOS)), atol=1e-6
    )


def test_training_the_head_trains_the_encoder_which_can_be_saved_before_and_after(tmp_path):
    encoder = encoder_of(conv_stack(num_frozen=2))
    frozen = split(encoder)
    before = ask(encoder, PHOTOS)
    encoder.save(tmp_path / "before.keras")
    np.testing.assert_array_equal(ask(load_encoder(tmp_path / "before.keras"), PHOTOS), before)
    model = create_triplet_model(frozen.head)
    model.compile("sgd", TripletLoss(5.0))
    features = frozen.trunk(PHOTOS).numpy()
    roles = ("anchor", "positive", "negative")
    inputs = {f"{role}_image": features for role in roles}
    inputs |= {f"{role}_audio": SOUNDS[::-1] if role == "negative" else SOUNDS for role in roles}
    model.train_on_batch(inputs, np.zeros((2, 3), np.int32))
    after = ask(encoder, PHOTOS)
    assert np.abs(after - before).max() > 1e-4
    for whole in (encoder, frozen.head, model):
        whole.save(tmp_path / f"{whole.name}.keras")
    again = load_encoder(tmp_path / "fused_encoder.keras")
    np.testing.assert_array_equal(ask(again, PHOTOS), after)
    assert split(again).feature_shape == frozen.feature_shape


def test_another_model_is_refused():
    other = keras.Sequential([keras.Input((4,), name="numbers"), layers.Dense(2)])
    with pytest.raises(ValueError, match=r"image_input and audio_input, received numbers\. Make"):
        split_frozen_trunk(other)
