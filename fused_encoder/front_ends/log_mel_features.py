"""A name that moved to `log_mel`; this file goes with its last caller."""

from fused_encoder.front_ends.log_mel import LogMelFeatures

__all__ = ["LogMelFeatures"]
