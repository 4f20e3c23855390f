"""Learned local features from an ONNX file of the user's own, such as DISK or ALIKED."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np

from inference.matching.features import Keypoints
from inference.matching.onnx_network import open_network
from media import resize_image

SIDES_OF = 32  # pixels: what such networks halve five times
_WANTED = ("keypoints", "scores", "descriptors")


class OnnxFeatures:
    """The points of photos by a network in an ONNX file, run by ONNX Runtime (extra `onnx`).

    The network takes one photo, float32 [1, channels, height, width] in [0, 1] (RGB, or grey where it has one
    channel), and gives keypoints [1, num, 2] as x and y, scores [1, num] and descriptors [1, num, size], by
    outputs whose names hold these words. So do the exports of DISK, ALIKED and SuperPoint of LightGlue-ONNX.
    Points are matched as those of `RootSift`, or by `LightGlue`.

    Args:
        path: the .onnx file.
        longest_side_px: int >= 32, to which a photo is brought; its sides become multiples of 32.
        num_points: int >= 1, at most; those of the highest scores.
        keypoint_unit: "pixels", or "-1 to 1" where the network gives places relative to the photo's middle.

    Raises:
        FileNotFoundError: nothing is at this path.
        ImportError: ONNX Runtime is not installed.
        ValueError: the file is no such network; a side or a number out of its range.

    Reference:
        https://github.com/fabio-sim/LightGlue-ONNX (exports); Tyszkiewicz et al., "DISK", 2020; Zhao et al.,
        "ALIKED", 2023.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        longest_side_px: int = 800,
        num_points: int = 400,
        keypoint_unit: Literal["pixels", "-1 to 1"] = "pixels",
    ) -> None:
        if longest_side_px < SIDES_OF or num_points < 1:
            raise ValueError(
                f"Expected longest_side_px >= {SIDES_OF} and num_points >= 1, received {longest_side_px} and "
                f"{num_points}."
            )
        if keypoint_unit not in ("pixels", "-1 to 1"):
            raise ValueError(
                f"Expected keypoint_unit 'pixels' or '-1 to 1', received {keypoint_unit!r}."
            )
        self._session, digest = open_network(path)
        self._input = self._session.get_inputs()[0]
        self._outputs = _outputs(
            Path(path), [output.name for output in self._session.get_outputs()]
        )
        self._longest_side_px, self._num_points = longest_side_px, num_points
        self._unit = keypoint_unit
        unit = keypoint_unit.replace(" ", "")
        self.name = f"onnx-{digest}-{longest_side_px}-{num_points}-{unit}"

    def __call__(self, photo: np.ndarray) -> Keypoints:
        """The points of the highest scores; see `LocalFeatures`."""
        scale = self._longest_side_px / max(photo.shape[:2])
        height, width = (
            max(round(side * scale / SIDES_OF), 1) * SIDES_OF for side in photo.shape[:2]
        )
        pixels = resize_image(photo, (height, width)).astype(np.float32) / 255
        if self._input.shape[1] == 1:
            pixels = pixels @ np.array([[0.299], [0.587], [0.114]], np.float32)
        given = self._session.run(
            self._outputs, {self._input.name: pixels.transpose(2, 0, 1)[None]}
        )
        points, scores, vectors = (np.asarray(part[0], np.float32) for part in given)
        best = np.argsort(-scores, kind="stable")[: self._num_points]
        in_pixels = self._unit == "pixels"
        places = (points[best] + 0.5) / (width, height) if in_pixels else (points[best] + 1) / 2
        lengths = np.linalg.norm(vectors[best], axis=1, keepdims=True)
        unit_vectors = vectors[best] / np.maximum(lengths, 1e-9)
        sizes = np.full(len(best), 1 / SIDES_OF, np.float32)  # such networks tell none
        return Keypoints(places.astype(np.float32), sizes, unit_vectors, width / height)


def _outputs(path: Path, names: list[str]) -> list[str]:
    """The names of the outputs that hold keypoints, scores and descriptors."""
    found = [next((name for name in names if word in name.lower()), None) for word in _WANTED]
    if None in found:
        raise ValueError(
            f"'{path}' gives {', '.join(names)}; expected outputs whose names hold the words "
            f"{', '.join(_WANTED)}."
        )
    return [name for name in found if name is not None]
