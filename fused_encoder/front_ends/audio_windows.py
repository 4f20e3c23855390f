"""Names that moved to `sequences`; this file goes with its last caller."""

from fused_encoder.front_ends.sequences import audio_windows, pad_sequences, sequence_lengths

__all__ = ["audio_windows", "pad_sequences", "sequence_lengths"]
