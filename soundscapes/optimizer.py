"""The optimizer of a recipe: AdamW, whose learning rate rises at first and falls along a cosine."""

from __future__ import annotations

import keras

from soundscapes.options import SoundTraining


def sound_optimizer(
    options: SoundTraining, steps_per_epoch: int, learning_rate: float
) -> keras.optimizers.Optimizer:
    """For all steps of a training.

    Args:
        options: the recipe.
        steps_per_epoch: int >= 1.
        learning_rate: float > 0, at its peak.
    """
    num_steps = options.epochs * steps_per_epoch
    num_warm_up = round(options.warm_up * num_steps)
    schedule = keras.optimizers.schedules.CosineDecay(
        0.0 if num_warm_up else learning_rate,
        max(num_steps - num_warm_up, 1),
        warmup_target=learning_rate if num_warm_up else None,
        warmup_steps=num_warm_up,
    )
    return keras.optimizers.AdamW(
        schedule,
        weight_decay=options.weight_decay,
        clipnorm=1.0,
        use_ema=options.ema_momentum > 0,
        ema_momentum=options.ema_momentum or 0.99,
    )
