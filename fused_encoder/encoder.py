"""The fused encoder: two branches and a fusion, wired on one screen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import keras

from fused_encoder.audio_branch import attended_audio, audio_features, audio_input
from fused_encoder.front_ends import YAMNET
from fused_encoder.fusion import AddPresent, IsPresent, MissingModality, concatenated
from fused_encoder.image_branch import (
    ImageTrainable,
    PhotoViewsName,
    image_input,
    image_trunk_and_head,
)

Fusion = Literal["concatenate", "additive"]
FUSIONS = ("concatenate", "additive")


def create_fused_encoder(
    *,
    image_backbone: str | keras.Model | Callable | None = "vgg16",
    image_weights: str | Path | None = "imagenet",
    image_trainable: ImageTrainable = "auto",
    photo_views: PhotoViewsName = "one",
    fusion: Fusion = "concatenate",
    audio_size: int = YAMNET.embedding_size,
    embedding_size: int = 128,
    modality_dropout: float = 0.2,
    seed: int | None = None,
) -> keras.Model:
    """A Keras model that turns a photo and a call into one unit vector.

    With the defaults it is the published dual-stream network: VGG16 (all but block 5 frozen), global
    average pool, Dense 512; BiLSTM 128, Dense 256; concatenate, Dense 256, BatchNorm, Dense 128, L2:
    16,454,592 parameters, and 768 that are ours: a learned token of each branch's size, which takes
    the branch's place where the photo or the call is absent (all zeros).

    `fusion="additive"` is the better one where classes have few files: each branch is a single
    projection of pretrained features (the photo's; the call's frames, averaged with learned attention),
    the embedding is their sum at unit length, and what is absent adds nothing. Far fewer weights, so
    that a branch that knows little learns to say little. docs/results.md compares the two.

    Args:
        image_backbone: a name from `IMAGE_BACKBONES`; or a `keras.Model` or callable that takes RGB in
            [0, 1] and does its own preprocessing; or None for an encoder of recordings only, which
            loads nothing for photos.
        image_weights: "imagenet" (searched for locally, then downloaded), a weights file without the
            top, or None to start from random.
        image_trainable: what of a named backbone is trained: "none", "last_block" or "all". "auto" is
            "last_block" with pretrained weights and "all" without. BatchNorm layers of a partly
            frozen backbone keep ImageNet's statistics.
        photo_views: "one" look at each photo; or "zooms": eight, the whole and its middle at three
            zooms, each also flipped left to right, averaged. Better with a pretrained backbone, and eight
            times its work: see `PhotoViews`. "zooms_unflipped": four, where left and right flank differ.
        fusion: "concatenate" (published) or "additive".
        audio_size: int >= 1, numbers in a frame of the audio front end. Default: 1024, those of YAMNet.
        embedding_size: int >= 1, default 128.
        modality_dropout: float in [0, 1), the share of training items of which one modality is hidden.
        seed: int or None, for modality dropout. (Weights follow `keras.utils.set_random_seed`.)

    Returns:
        keras.Model named "fused_encoder". Inputs `image_input` float32 [batch, 224, 224, 3], RGB in
        [0, 1], and `audio_input` float32 [batch, num_frames, audio_size], right-padded with rows of zeros.
        Output float32 [batch, embedding_size], unit length.

    Raises:
        ValueError: an option is out of range, or the backbone is unknown.
        MissingWeightsError: ImageNet weights are neither here nor to be downloaded.

    Example:
        >>> encoder = create_fused_encoder(image_backbone="small_cnn", image_weights=None)
        >>> encoder.output_shape
        (None, 128)
    """
    for name, size in (("embedding_size", embedding_size), ("audio_size", audio_size)):
        if size < 1:
            raise ValueError(f"Expected {name} >= 1, received {size}.")
    if fusion not in FUSIONS:
        raise ValueError(f"Expected fusion to be one of {FUSIONS}, received {fusion!r}.")
    is_additive = fusion == "additive"
    trunk, head = image_trunk_and_head(
        image_backbone,
        weights=image_weights,
        trainable=image_trainable,
        views=photo_views,
        direction_size=embedding_size if is_additive else None,
    )
    sound = audio_input(audio_size)
    heard = attended_audio(sound, size=embedding_size) if is_additive else audio_features(sound)
    audio_branch = keras.Model(sound, heard, name="audio_branch")
    seen, heard = (keras.Input(branch.output.shape[1:]) for branch in (head, audio_branch))
    present = [keras.Input((), dtype="bool") for _ in range(2)]
    branches = [seen, heard, *present]
    if is_additive:
        total = AddPresent(modality_dropout, seed, name="fusion")(branches)
    else:
        both = MissingModality(modality_dropout, seed, name="missing_modality")(branches)
        total = concatenated(*both, size=embedding_size)
    embedding = keras.layers.UnitNormalization(dtype="float32", name="embedding")(total)
    fused = keras.Model(branches, embedding, name="fusion")
    image, audio = image_input(), audio_input(audio_size)
    seen, has_image = head(trunk(image)), IsPresent(name="has_image")(image)
    heard, has_audio = audio_branch(audio), IsPresent(name="has_audio")(audio)
    return keras.Model(
        {"image_input": image, "audio_input": audio},
        fused([seen, heard, has_image, has_audio]),
        name="fused_encoder",
    )


def load_encoder(path: str | Path) -> keras.Model:
    """The encoder that `encoder.save("encoder.keras")` wrote, loaded with `safe_mode=True`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file is not a fused encoder.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(
            f"No encoder at '{path}'. Expected a .keras file, as `encoder.save(...)` or "
            "`fused-encoder train` writes it."
        )
    model = keras.saving.load_model(path, compile=False, safe_mode=True)
    names = {tensor.name for tensor in model.inputs}
    if names != {"image_input", "audio_input"}:
        raise ValueError(
            f"'{path}' is not a fused encoder: expected the inputs image_input and audio_input, "
            f"received {', '.join(sorted(names))}."
        )
    return model


def split_encoder(
    encoder: keras.Model, *, copy_weights: bool = True
) -> tuple[keras.Model, keras.Model]:
    """The encoder as two models in a row, so that a photo is looked at once for many windows of sound.

    Args:
        encoder: from `create_fused_encoder`, or from `behind_trunk`.
        copy_weights: whether the two hold a copy of the weights as they are now; else they are made of
            the encoder's own layers and change with it.

    Returns:
        `see`: what its `image_input` takes -> image features float32 [batch, size], image present bool
        [batch]. `join`: image features, image present, audio sequence float32
        [batch, num_frames, audio_size] -> embedding float32 [batch, embedding_size].
    """
    if copy_weights:
        weights, encoder = encoder.get_weights(), keras.models.clone_model(encoder)
        encoder.set_weights(weights)
    image, audio = (
        keras.Input(encoder.input[name].shape[1:]) for name in ("image_input", "audio_input")
    )
    features = encoder.get_layer("image_head")(encoder.get_layer("image_trunk")(image))
    has_image = encoder.get_layer("has_image")(image)
    see = keras.Model(image, [features, has_image])
    seen, is_seen = (keras.Input(part.shape[1:], dtype=part.dtype) for part in see.outputs)
    return see, keras.Model([seen, is_seen, audio], _fused(encoder, seen, is_seen, audio))


def behind_trunk(encoder: keras.Model) -> keras.Model:
    """The part of an encoder that is trained, behind what is frozen of its image branch.

    It is made of the encoder's own layers: to train it is to train the encoder.

    Args:
        encoder: from `create_fused_encoder`.

    Returns:
        keras.Model named "behind_trunk" with the inputs `image_input`, the features that the layer
        `image_trunk` gives (all zeros where there is no photo), and `audio_input`. Output as the encoder's.
    """
    features = keras.Input(encoder.get_layer("image_trunk").output.shape[1:], name="image_input")
    audio = keras.Input(encoder.input["audio_input"].shape[1:], name="audio_input")
    seen = encoder.get_layer("image_head")(keras.layers.Identity(name="image_trunk")(features))
    outputs = _fused(encoder, seen, IsPresent(name="has_image")(features), audio)
    inputs = {"image_input": features, "audio_input": audio}
    return keras.Model(inputs, outputs, name="behind_trunk")


def _fused(
    encoder: keras.Model,
    seen: keras.KerasTensor,
    has_image: keras.KerasTensor,
    audio: keras.KerasTensor,
) -> keras.KerasTensor:
    heard, has_audio = encoder.get_layer("audio_branch")(audio), IsPresent(name="has_audio")(audio)
    return encoder.get_layer("fusion")([seen, heard, has_image, has_audio])
