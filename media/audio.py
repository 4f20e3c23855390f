"""Kept for the survey of archives, which still asks here."""

from media.sound import AUDIO_EXTENSIONS as AUDIO_EXTENSIONS
from media.sound import AudioInfo as AudioInfo
from media.sound import load_waveform as load_waveform
from media.sound import load_waveform_with_notes as load_waveform_with_notes
from media.sound import probe_audio as probe_audio
from media.sound import save_waveform as save_waveform
