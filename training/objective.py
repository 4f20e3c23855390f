"""The objective: the batches an encoder is trained on, and the losses that are put on top of it."""

from __future__ import annotations

from dataclasses import asdict

import keras
import numpy as np
import tensorflow as tf

from training.backup import RunBackup
from training.callbacks import RemineTriplets
from training.frozen_features import TrainedPart
from training.losses import ArcFaceLoss, ClassCosines, TripletLoss
from training.options import MinedTriplets, TrainingOptions
from training.precision import precision_of, with_dtype_policy
from training.triplet_model import create_triplet_model
from triplets.pair_batches import pair_batches
from triplets.pipeline import EpochCounter
from triplets.prepare import triplets_from_media
from triplets.prepared import PreparedMedia


def create_training_model(
    encoder: keras.Model,
    num_classes: int,
    options: TrainingOptions,
    *,
    total_steps: int,
    class_axes: np.ndarray | None = None,
) -> keras.Model:
    """A compiled Keras model around an encoder: to `fit` it is to train the encoder.

    Args:
        encoder: from `create_fused_encoder`, or the head behind a frozen trunk.
        num_classes: int >= 2.
        options: how it is trained.
        total_steps: int >= 1, over which the learning rate falls to 0.
        class_axes: float32 [num_classes, embedding_size], where the centres of the class loss begin, from
            `start_head`; None: at random.

    Returns:
        keras.Model with the outputs `embedding` and, with a class loss, `class_cosines`. It takes what
        `with_targets` makes of a dataset.
    """
    with with_dtype_policy(precision_of(encoder)):
        if isinstance(options.batches, MinedTriplets):
            triplets = create_triplet_model(encoder)
            inputs, embedding = triplets.input, triplets.output
        else:
            inputs = {
                name: keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=name)
                for name, tensor in encoder.input.items()
            }
            embedding = encoder(inputs)
        triplet_loss = TripletLoss(options.margin, mining=options.loss_mining)
        outputs, losses = {"embedding": embedding}, {"embedding": triplet_loss}
        if options.class_scale is not None:
            cosines = ClassCosines(num_classes, name="class_cosines")
            outputs["class_cosines"] = cosines(embedding)
            if class_axes is not None:
                cosines.centres.assign(class_axes)
            losses["class_cosines"] = ArcFaceLoss(options.class_margin, options.class_scale)
        model = keras.Model(inputs, outputs, name="training_model")
        model.compile(optimizer=create_optimizer(options, total_steps), loss=losses)
    return model


def create_training_state(model: keras.Model, dataset: tf.data.Dataset) -> None:
    """Makes the variables of a model's optimizer and of its losses, which Keras would make in `fit`.

    Keras makes them while the first step is traced, and TensorFlow traces a step that makes variables
    twice. With this it is traced once: training starts sooner, and learns the same.
    """
    model.optimizer.build(model.trainable_variables)
    _, targets = dataset.element_spec
    some_targets, some_outputs = (
        {
            name: tf.zeros([size or 1 for size in part.shape], part.dtype)
            for name, part in parts.items()
        }
        for parts in (targets, model.output)
    )
    model.compute_loss(None, some_targets, some_outputs)  # `fit` begins with metrics reset


def create_optimizer(options: TrainingOptions, total_steps: int) -> keras.Optimizer:
    """Adam with gradients clipped to a norm of 1, and a rate that rises, then falls along a cosine."""
    warmup_steps = max(1, total_steps // 20)
    rate = keras.optimizers.schedules.CosineDecay(
        0.1 * options.learning_rate,
        max(1, total_steps - warmup_steps),  # Keras counts them after the warm-up
        warmup_target=options.learning_rate,
        warmup_steps=warmup_steps,
    )
    return keras.optimizers.Adam(rate, global_clipnorm=1.0)


def with_targets(dataset: tf.data.Dataset, model: keras.Model) -> tf.data.Dataset:
    """The dataset of (inputs, labels) with its labels once for each output of a training model."""
    names = tuple(model.output)
    return dataset.map(lambda inputs, labels: (inputs, dict.fromkeys(names, labels)))


def training_batches(
    part: TrainedPart,
    media: PreparedMedia,
    options: TrainingOptions,
    epoch: EpochCounter,
    backup: RunBackup | None,
) -> tuple[tf.data.Dataset, list[keras.callbacks.Callback]]:
    """What is trained on, and the callback that mines it again, if any.

    The rows of mined triplets are kept in the backup for a run that goes on.
    """
    batches, window_frames = options.batches, media.front_end.frames_in(options.audio_seconds)
    if not isinstance(batches, MinedTriplets):
        dataset = pair_batches(
            media,
            **asdict(batches),
            window_frames=window_frames,
            photos=part.photos,
            augment=part.augment,
            epoch=epoch,
            seed=options.seed,
        )
        return dataset, []
    triplets = triplets_from_media(
        media,
        batches.num_triplets_per_class,
        mining=batches.mining,
        audio_seconds=options.audio_seconds,
        seed=options.seed,
    )
    dataset = triplets.to_dataset(
        batches.batch_size,
        augment=part.augment,
        audio_windows="random",
        photos=part.photos,
        epoch=epoch,
        seed=options.seed,
    )
    if batches.remine_every is None:
        return dataset, []
    remine = RemineTriplets(
        triplets,
        part.encoder,
        every=batches.remine_every,
        mining="semi-hard" if batches.mining == "cosine" else batches.mining,
        photos=part.photos,
        rows_path=None if backup is None else backup.mined_rows,
        seed=options.seed,
    )
    return dataset, [remine]
