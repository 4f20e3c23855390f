"""A student: its network, what it hears, and the species it knows."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
import numpy.typing as npt

from student.hearing import StudentHearing


@dataclass(frozen=True)
class Student:
    """A small network with its hearing.

    Args:
        network: from `create_student` or `distil_student`: mel and features to logits.
        hearing: makes the network's inputs of sound, in training as in use.
        class_names: the species, in the order of the logits.
        extra_names: columns of the network's third input, such as depth; most students have none.

    Example:
        >>> mel, features = student.clip_inputs(student.hearing.load("whale.flac"))
        >>> student.logits(mel, features).shape
        (num_clips, num_classes)
    """

    network: keras.Model
    hearing: StudentHearing
    class_names: tuple[str, ...]
    extra_names: tuple[str, ...] = ()

    def clip_inputs(self, waveform: npt.ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """Mel [num_clips, num_rows, num_bands] and features [num_clips, 18] of a sound of any length.

        Args:
            waveform: float [num_samples], mono, at the hearing's rate, amplitude in [-1, 1].
        """
        return self.hearing.inputs(np.asarray(waveform, np.float32))

    def logits(
        self, mel: npt.ArrayLike, features: npt.ArrayLike, extra: npt.ArrayLike | None = None
    ) -> np.ndarray:
        """Of clips: float32 [num_clips, num_classes].

        Args:
            mel: float32 [num_clips, num_rows, num_bands], decibels.
            features: float32 [num_clips, 18].
            extra: float32 [num_clips, num_extra]; NaN, or None for all of them: not known.
        """
        inputs = [np.asarray(mel, np.float32), np.asarray(features, np.float32)]
        if self.extra_names:
            shape = (len(inputs[0]), len(self.extra_names))
            missing = np.full(shape, np.nan, np.float32)
            inputs.append(missing if extra is None else np.asarray(extra, np.float32))
        return np.asarray(self.network.predict_on_batch(inputs))
