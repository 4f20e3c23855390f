"""A sound classifier: the audio front end that makes frames of sound, and the network that names species."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import keras
import numpy as np
import numpy.typing as npt

from fused_encoder.front_ends.contract import AudioFrontEnd

FRAME_LOGITS = "frame_logits"
"""Name of the layer that says "when" in every network of this package: [batch, num_times, num_classes]."""


@dataclass(frozen=True)
class SoundClassifier:
    """A network with the front end whose frames it takes.

    Args:
        network: from `create_sound_classifier`: frames float32 [batch, num_frames, size] -> logits float32
            [batch, num_classes].
        front_end: makes the frames.
        class_names: the species, in the order of the logits.
        clip_frames: int >= 1, how many frames the network takes at once when it listens to a recording of
            any length. A last clip that has fewer is filled up with frames of zeros.

    Example:
        >>> frames = classifier.front_end(waveform)          # [num_frames, size]
        >>> classifier.logits(frames[None]).shape            # of the whole sound
        (1, num_classes)
        >>> classifier.frame_logits(frames[None]).shape      # and moment by moment
        (1, num_times, num_classes)
    """

    network: keras.Model
    front_end: AudioFrontEnd
    class_names: tuple[str, ...]
    clip_frames: int

    def logits(self, frames: npt.ArrayLike) -> np.ndarray:
        """Of whole clips: frames float32 [batch, num_frames, size] -> float32 [batch, num_classes]."""
        return np.asarray(self.network(frames, training=False))

    def frame_logits(self, frames: npt.ArrayLike) -> np.ndarray:
        """Moment by moment: frames [batch, num_frames, size] -> float32 [batch, num_times, num_classes].

        A clip's moments are equally long and follow each other.
        """
        return np.asarray(self._moments(frames, training=False))

    @cached_property
    def times_per_clip(self) -> int:
        """How many moments the network tells apart in a clip of `clip_frames`."""
        size = self.front_end.embedding_size
        return self.frame_logits(np.zeros((1, self.clip_frames, size), np.float32)).shape[1]

    @property
    def seconds_per_time(self) -> float:
        """Length of a moment in seconds."""
        return self.clip_frames * self.front_end.hop_seconds / self.times_per_clip

    @cached_property
    def _moments(self) -> keras.Model:
        return keras.Model(self.network.input, self.network.get_layer(FRAME_LOGITS).output)
