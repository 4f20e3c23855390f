"""`create_sound_classifier`: from frames of an audio front end to a logit for each species."""

from __future__ import annotations

from pathlib import Path

import keras

from fused_encoder.front_ends.contract import FrontEndSpec
from soundscapes.classifier import FRAME_LOGITS
from soundscapes.heads import HEADS, head_features, moment_layer
from soundscapes.mel_networks import LOUDNESSES, MEL, MEL_NETWORKS, Loudness, mel_features
from soundscapes.pooling import Pooling, PoolMoments, PresentFrames


def create_sound_classifier(
    num_classes: int,
    front_end: FrontEndSpec,
    network: str | None = None,
    *,
    pooling: Pooling = "attention",
    weights: str | Path | None = "imagenet",
    loudness: Loudness = "decibel",
    top_db: float = 80.0,
    num_bands: int = 128,
    hidden_size: int = 256,
    dropout: float = 0.3,
) -> keras.Model:
    """A network that says which species sing in a clip, learnt from labels of whole recordings.

    On a front end that knows sounds already ("birdnet", "perch", "yamnet") a small head is trained: with
    tens of recordings of a species it is the better choice by far (docs/results.md has the figures). On
    spectrograms (`mel_front_end`) a network for pictures is.

    Args:
        num_classes: int >= 2, species.
        front_end: whose frames it takes.
        network: a head, "linear", "mlp", "attention" or "prototypes"; or for spectrograms "efficientnet_b0",
            "efficientnet_b3", "inception_v3", "resnet50", "densenet121", "mobilenet_v2" or "small_cnn".
            Default: "linear", or "efficientnet_b0".
        pooling: how moments become a clip's answer, see `PoolMoments`.
        weights: of a network for pictures: "imagenet", a file, or None for random; see
            `create_fused_encoder`. "small_cnn" and heads have none. Normalisation that was learnt from photos
            is frozen until `train_sound_classifier` takes its statistics from spectrograms.
        loudness: of spectrograms: "decibel", floored at `top_db` below the clip's own loudest; or "pcen".
        top_db: float > 0.
        num_bands: int >= 1, mel bands in a spectrogram's row.
        hidden_size: int >= 1, of "mlp" and "attention".
        dropout: float in [0, 1).

    Returns:
        A `keras.Model` named `sound_classifier`. Input `frames` float32 [batch, num_frames, size]: frames of
        all zeros are padding. Output `logits` float32 [batch, num_classes]; the score of a species is their
        sigmoid, each by itself. Its layer `frame_logits` [batch, num_times, num_classes] says when.

    Raises:
        ValueError: an option is out of its range, or the network and the front end do not fit.
        MissingWeightsError: the weights are nowhere to be had.

    Example:
        >>> network = create_sound_classifier(22, load_birdnet())
        >>> network.compile("adam", keras.losses.BinaryCrossentropy(from_logits=True))
        >>> network.fit(frames, labels)  # [num_recordings, num_frames, 1024], [num_recordings, 22]
    """
    is_mel = front_end.name == MEL
    network = network or ("efficientnet_b0" if is_mel else "linear")
    _check(num_classes, network, loudness, dropout, is_mel=is_mel)
    frames = keras.Input((None, front_end.embedding_size), name="frames")
    present = None
    if is_mel:
        features = mel_features(
            frames,
            network,
            num_bands=num_bands,
            loudness=loudness,
            top_db=top_db,
            hop_seconds=front_end.hop_seconds,
            weights=None if network == "small_cnn" else weights,
            dropout=dropout,
        )
    else:
        present = PresentFrames(name="present")(frames)
        features = head_features(frames, present, network, hidden_size=hidden_size, dropout=dropout)
    head = None if is_mel else network
    moments = moment_layer(head, num_classes, FRAME_LOGITS)(features)
    attention = None
    if pooling == "attention":
        # Zeros: before training every moment counts the same.
        attention = keras.layers.Dense(num_classes, kernel_initializer="zeros", name="attention")(
            features
        )
    logits = PoolMoments(pooling, name="logits")(moments, present, attention)
    return keras.Model(frames, logits, name="sound_classifier")


def _check(num_classes: int, network: str, loudness: str, dropout: float, *, is_mel: bool) -> None:
    known = MEL_NETWORKS if is_mel else HEADS
    if network not in known:
        what = "spectrograms" if is_mel else "the frames of this front end"
        raise ValueError(
            f"Expected a network for {what}: {', '.join(known)}; received {network!r}."
        )
    if loudness not in LOUDNESSES:
        raise ValueError(f"Expected loudness of {', '.join(LOUDNESSES)}, received {loudness!r}.")
    if num_classes < 2 or not 0 <= dropout < 1:
        raise ValueError(
            "Expected num_classes of at least 2 and dropout in [0, 1), received "
            f"{num_classes} and {dropout}."
        )
