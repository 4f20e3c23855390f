"""Pruning: the smallest weights of a student become 0, and the others learn to do without them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import keras
import numpy as np

from student.clips import StudentClips
from student.distil import distil_student
from student.options import StudentTraining
from student.student import Student
from student.taught import TeacherOutputs


@dataclass(frozen=True)
class PrunedStudent:
    """What `prune_student` gave.

    Attributes:
        student: a new one.
        sparsity: float in [0, 1], share of the weights of convolutions and dense layers that are 0.
        zipped_kilobytes: float, of its weights as a ZIP holds them, where zeros take no room.
        zipped_kilobytes_before: float, likewise.
    """

    student: Student
    sparsity: float
    zipped_kilobytes: float
    zipped_kilobytes_before: float


def prune_student(
    student: Student,
    clips: StudentClips,
    validation: StudentClips,
    taught: TeacherOutputs | None = None,
    *,
    sparsity: float = 0.5,
    num_steps: int = 3,
    options: StudentTraining | None = None,
    progress: bool = True,
) -> PrunedStudent:
    """Sets the smallest weights of each convolution and dense layer to 0, in steps, training in between.

    A file that stores zeros, such as LiteRT's, is no smaller for it until it is compressed; nor is it
    faster, but where a runtime knows sparse weights.

    Args:
        student: is left as it is.
        clips: as `distil_student` takes them; the same for the others.
        validation: likewise.
        taught: likewise.
        sparsity: float in (0, 1), share of weights that become 0.
        num_steps: int >= 1, of fine-tuning, each with more weights at 0.
        options: of each step. Default: 5 epochs at a tenth of the usual rate.
        progress: whether to print the epochs.

    Reference:
        Zhu and Gupta, To prune, or not to prune, 2017, https://arxiv.org/abs/1710.01878 (its cubic schedule).
    """
    if not 0 < sparsity < 1 or num_steps < 1:
        raise ValueError(
            f"Expected sparsity in (0, 1) and num_steps of at least 1, received {sparsity} and {num_steps}."
        )
    options = options or StudentTraining(epochs=5, learning_rate=1e-4, warm_up_epochs=0)
    network = keras.models.clone_model(student.network)
    network.set_weights(student.network.get_weights())
    for step in range(1, num_steps + 1):
        share = sparsity * (1 - (1 - step / num_steps) ** 3)
        masks = [
            np.abs(k.numpy()) > np.quantile(np.abs(k.numpy()), share) for k in _kernels(network)
        ]
        _hide(network, masks)
        distil_student(
            clips, validation, taught, network=network, options=options, progress=progress
        )
        _hide(network, masks)
    weights = np.concatenate([kernel.numpy().ravel() for kernel in _kernels(network)])
    return PrunedStudent(
        replace(student, network=network),
        float((weights == 0).mean()),
        zipped_kilobytes(network),
        zipped_kilobytes(student.network),
    )


def zipped_kilobytes(network: keras.Model) -> float:
    """Of all weights, compressed, in 1000 bytes."""
    import zlib

    return len(zlib.compress(b"".join(w.tobytes() for w in network.get_weights()), 9)) / 1000


def _kernels(network: keras.Model) -> list[keras.Variable]:
    return [layer.kernel for layer in network.layers if hasattr(layer, "kernel")]


def _hide(network: keras.Model, masks: list[np.ndarray]) -> None:
    for kernel, mask in zip(_kernels(network), masks, strict=True):
        kernel.assign(kernel.numpy() * mask)
