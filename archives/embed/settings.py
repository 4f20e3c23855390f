"""How an archive is cut into what the encoder takes; any change makes other embeddings."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass

SCHEMA = 1


@dataclass(frozen=True)
class ArchiveSettings:
    """What decides, beside the encoder, which embeddings a file gives.

    Attributes:
        window_seconds: float > 0, of sound in one embedding; at least one frame of YAMNet, 0.96 s, is heard.
        hop_seconds: float > 0, from the start of one window to the start of the next. YAMNet hears frames
            0.48 s apart, and windows share them: each window starts at the frame nearest to its turn. Less
            than 0.48 s gives a window at every frame.
        frames_per_second: float > 0, moments of a video.
        max_clipped_share: float in [0, 1]; a window of which more is clipped is not embedded but listed.

    Raises:
        ValueError: a value out of its range.
    """

    window_seconds: float = 5.0
    hop_seconds: float = 2.5
    frames_per_second: float = 1.0
    max_clipped_share: float = 0.1

    def __post_init__(self) -> None:
        for name in ("window_seconds", "hop_seconds", "frames_per_second"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"Expected {name} > 0, received {getattr(self, name)}.")
        if not 0 <= self.max_clipped_share <= 1:
            raise ValueError(
                f"Expected max_clipped_share in [0, 1], received {self.max_clipped_share}."
            )

    def key(self, fingerprint: str) -> str:
        """Names these settings with this encoder: 16 hex digits. What was done under it is done.

        Args:
            fingerprint: of the encoder.
        """
        told = json.dumps([SCHEMA, fingerprint, asdict(self)], sort_keys=True)
        return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()
