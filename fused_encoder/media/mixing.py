"""Many channels to one."""

import logging

import numpy as np

logger = logging.getLogger(__name__)


def mix_down(samples: np.ndarray, *, source: str = "recording") -> np.ndarray:
    """One channel from many: their mean, or the loudest one where the mean would cancel.

    Two channels of opposite polarity (a miswired cable, a mid-side recording) add up to nothing.
    Noticed when the mean keeps less than half of the power that even unrelated channels would keep
    (1 / num_channels of their mean power; for stereo: a correlation below -0.5). 5.1 is no
    different: all six channels count alike.

    Args:
        samples: float [num_samples, num_channels], or [num_samples], which is mono already.
        source: what to call the sound in the warning.
    Returns:
        float32 [num_samples].
    Raises:
        ValueError: another number of dimensions, or no channel.
    """
    if samples.ndim == 1:
        return samples.astype(np.float32, copy=False)
    if samples.ndim != 2 or samples.shape[1] == 0:
        raise ValueError(
            f"Expected samples [num_samples, num_channels], received {list(samples.shape)}."
        )
    num_channels = samples.shape[1]
    mixed = samples.mean(axis=1, dtype=np.float32)
    if num_channels == 1 or len(samples) == 0:
        return mixed
    channel_powers = np.mean(np.square(samples, dtype=np.float64), axis=0)
    mixed_power = np.mean(np.square(mixed, dtype=np.float64))
    if mixed_power >= 0.5 * channel_powers.mean() / num_channels:
        return mixed
    loudest = int(channel_powers.argmax())
    logger.warning(
        "The %d channels of %s cancel when mixed (opposite polarity): using channel %d alone.",
        num_channels,
        source,
        loudest + 1,
    )
    return samples[:, loudest].astype(np.float32)
