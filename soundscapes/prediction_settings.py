"""How recordings are listened to: what decides, beside the classifier, which scores they get."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from soundscapes.ensemble import ENSEMBLES, Ensemble


@dataclass(frozen=True)
class PredictionSettings:
    """How recordings are cut into clips, and how what the network says of them becomes scores.

    Args:
        hop_seconds: float > 0, from the start of one clip to the next; rounded to whole moments of the
            network. Where clips overlap, the logits of a moment are averaged. Default: half a clip.
        segment_seconds: float > 0, of a row of the table of segments; BirdCLEF has 5 s. A segment's score
            is the highest of its moments.
        num_shifts: int >= 1, test-time augmentation: how often the sound is listened to, each time from a
            start that is a part of the hop, and of a moment, later. Moments are so many times shorter; the
            logits of all are averaged.
        recording_pooling: "mean" of what the network says of whole clips, as when it was trained; or "max",
            the highest segment, for long recordings in which a species may be heard once.
        ensemble: how several classifiers become one: "mean" of scores, "min", or mean "rank". Ranks are
            among all segments of a run; moments and events rest on the mean then.
        max_clipped_share: float in [0, 1]; clips of which more is clipped are listed (and still heard).
        batch_size: int >= 1, clips in the network at once. No result depends on it.

    Raises:
        ValueError: a value out of its range.
    """

    hop_seconds: float | None = None
    segment_seconds: float = 5.0
    num_shifts: int = 1
    recording_pooling: Literal["mean", "max"] = "mean"
    ensemble: Ensemble = "mean"
    max_clipped_share: float = 0.1
    batch_size: int = 32

    def __post_init__(self) -> None:
        for name in ("hop_seconds", "segment_seconds"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"Expected {name} > 0, received {value}.")
        for name in ("num_shifts", "batch_size"):
            if getattr(self, name) < 1:
                raise ValueError(f"Expected {name} >= 1, received {getattr(self, name)}.")
        if not 0 <= self.max_clipped_share <= 1:
            raise ValueError(
                f"Expected max_clipped_share in [0, 1], received {self.max_clipped_share}."
            )
        if self.recording_pooling not in ("mean", "max"):
            raise ValueError(
                f"Expected recording_pooling 'mean' or 'max', received {self.recording_pooling!r}."
            )
        if self.ensemble not in ENSEMBLES:
            raise ValueError(
                f"Expected an ensemble of {', '.join(ENSEMBLES)}, received {self.ensemble!r}."
            )
