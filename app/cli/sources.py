"""Which YAMNet a command works with."""

from __future__ import annotations

from fused_encoder.front_ends.log_mel import LogMelFeatures
from fused_encoder.front_ends.yamnet import Yamnet, load_yamnet

LOG_MEL = "log_mel"


def yamnet_from(source: str | None) -> Yamnet:
    """The YAMNet of `--yamnet SOURCE`: "log_mel" is the stand-in without learnt weights."""
    return LogMelFeatures() if source == LOG_MEL else load_yamnet(source)
