"""YAMNet's numbers for callers that do not ask their front end yet; this file goes with the last of them."""

from fused_encoder.front_ends.contract import SilentRecordingError, TooShortRecordingError
from fused_encoder.front_ends.yamnet import YAMNET, Yamnet, extract_audio_sequence

AUDIO_SEQUENCE_SIZE = YAMNET.embedding_size
FRAME_HOP_SECONDS = YAMNET.hop_seconds
FRAME_SECONDS = 0.96
MIN_SECONDS = YAMNET.min_seconds
frames_in = YAMNET.frames_in
frames_in_samples = YAMNET.frames_in_samples
sound_in = YAMNET.sound_in

__all__ = ["SilentRecordingError", "TooShortRecordingError", "Yamnet", "extract_audio_sequence"]
