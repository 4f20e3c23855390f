"""`AudioSequences` for callers that do not ask their front end yet; this file goes with the last of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fused_encoder.front_ends.contract import WINDOWS_PER_BATCH as WINDOWS_PER_BATCH
from fused_encoder.front_ends.contract import AudioFrontEnd
from fused_encoder.front_ends.yamnet import Yamnet, as_front_end


class AudioSequences:
    """`AudioFrontEnd.embed_sounds`."""

    def __init__(self, yamnet: Yamnet | AudioFrontEnd) -> None:
        self._front_end = as_front_end(yamnet)
        self.windows_per_call = self._front_end.windows_per_call

    def __call__(self, sounds: Sequence[np.ndarray]) -> list[np.ndarray]:
        """See `AudioFrontEnd.embed_sounds`."""
        return self._front_end.embed_sounds(sounds)
