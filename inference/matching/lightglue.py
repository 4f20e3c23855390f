"""LightGlue: a network that matches points, from an ONNX file of the user's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from inference.matching.features import Keypoints
from inference.matching.match import Matching, PhotoMatch, inliers
from inference.matching.onnx_network import open_network

_INPUTS = ("kpts0", "kpts1", "desc0", "desc1")


class LightGlue:
    """Matches the points of two photos by LightGlue, run by ONNX Runtime (extra `onnx`): a `Matcher`.

    It goes with the features that it was trained for: `rerank(..., features=OnnxFeatures("disk.onnx"),
    matching=LightGlue("disk_lightglue.onnx"))`; fit the calibration with the same two. Each pair of photos
    runs a transformer: a shortlist of 50 takes seconds, not parts of one.

    The network takes `kpts0` and `kpts1` float32 [1, num, 2] (x and y from the photo's middle; 1 is half its
    longest side), `desc0` and `desc1` float32 [1, num, size], and gives pairs of rows [num_pairs, 2] (or 3,
    with the number of the batch before them) and scores [num_pairs] in (0, 1], by outputs whose names begin
    with "matches" and "mscores". So do the exports of the matcher alone of LightGlue-ONNX. Of its pairs those
    stay that fit one affine map.

    Args:
        path: the .onnx file.
        tolerance: float > 0, see `Matching`; `inf` keeps all pairs.

    Raises:
        FileNotFoundError: nothing is at this path.
        ImportError: ONNX Runtime is not installed.
        ValueError: the file is no such network; a tolerance out of its range.

    Reference:
        Lindenberger et al., "LightGlue: local feature matching at light speed", 2023,
        https://arxiv.org/abs/2306.13643; https://github.com/fabio-sim/LightGlue-ONNX (exports).
    """

    def __init__(self, path: str | Path, *, tolerance: float = Matching.tolerance) -> None:
        if not tolerance > 0:
            raise ValueError(f"Expected tolerance > 0, received {tolerance}.")
        self._tolerance = tolerance
        self._session, digest = open_network(path)
        self.name = f"lightglue-{digest}-{tolerance:g}"
        given = [one.name for one in self._session.get_inputs()]
        made = [one.name for one in self._session.get_outputs()]
        outputs = [
            next((name for name in made if name.startswith(start)), None)
            for start in ("matches", "mscores")
        ]
        if set(given) != set(_INPUTS) or None in outputs:
            raise ValueError(
                f"'{path}' takes {', '.join(given)} and gives {', '.join(made)}; expected the inputs "
                f"{', '.join(_INPUTS)} and outputs whose names begin with matches and mscores. Export the "
                "matcher alone, not the pipeline from photos."
            )
        self._outputs = outputs

    def __call__(self, query: Keypoints, others: Sequence[Keypoints]) -> list[PhotoMatch]:
        """What a photo shares with each photo of a shortlist, by itself."""
        return [self._match(query, other) for other in others]

    def _match(self, one: Keypoints, other: Keypoints) -> PhotoMatch:
        rows, scores = np.zeros((0, 2), np.int64), np.zeros(0, np.float32)
        if len(one) and len(other):
            places = [_from_middle(points)[None] for points in (one, other)]
            vectors = [np.asarray(points.vectors, np.float32)[None] for points in (one, other)]
            given = dict(zip(_INPUTS, (*places, *vectors), strict=True))
            rows, scores = self._session.run(self._outputs, given)
        first, second = np.asarray(rows, np.int64)[:, -2:].T
        pairs = np.stack([one.places[first], other.places[second]], axis=1)
        kept = inliers(pairs, self._tolerance)
        return PhotoMatch(pairs[kept], np.asarray(scores, np.float32)[kept])


def _from_middle(points: Keypoints) -> np.ndarray:
    """float32 [num, 2], x and y; 1 is half the photo's longest side."""
    sides = np.array([points.aspect, 1.0]) / max(points.aspect, 1.0)
    return ((2 * points.places - 1) * sides).astype(np.float32)
