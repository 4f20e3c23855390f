"""Audio front ends: from a waveform to an audio_sequence. YAMNet is the published default."""

from fused_encoder.front_ends.contract import FrontEndSpec

YAMNET = FrontEndSpec(
    name="yamnet",
    sample_rate_hz=16_000,
    window_seconds=0.975,  # 96 rows of its spectrogram, 25 ms each, 10 ms apart
    hop_seconds=0.48,
    embedding_size=1024,
)
