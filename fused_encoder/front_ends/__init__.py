"""Audio front ends: from a waveform to an audio_sequence."""
