"""Photos, recordings and videos: the only place in the project that decodes and writes them."""

from media.audio import (
    AUDIO_EXTENSIONS,
    AudioInfo,
    load_waveform,
    load_waveform_with_notes,
    probe_audio,
    save_waveform,
)
from media.errors import UnreadableMediaError
from media.images import IMAGE_EXTENSIONS, load_image, resize_image, save_image
from media.mixing import mix_down
from media.resampling import Resampler, resample
from media.sound_marks import CELL_SECONDS, samples_per_cell
from media.sound_stream import (
    SoundBlock,
    SoundOutcome,
    SoundStream,
    stream_waveform,
)
from media.sound_track import stream_sound_track
from media.video import (
    VIDEO_EXTENSIONS,
    Moment,
    VideoInfo,
    iter_moments,
    probe_video,
)
from media.video_frames import FrameStream, TimedFrame, stream_frames
from media.video_writer import write_video

__all__ = [
    "AUDIO_EXTENSIONS",
    "CELL_SECONDS",
    "IMAGE_EXTENSIONS",
    "VIDEO_EXTENSIONS",
    "AudioInfo",
    "FrameStream",
    "Moment",
    "Resampler",
    "SoundBlock",
    "SoundOutcome",
    "SoundStream",
    "TimedFrame",
    "UnreadableMediaError",
    "VideoInfo",
    "iter_moments",
    "load_image",
    "load_waveform",
    "load_waveform_with_notes",
    "mix_down",
    "probe_audio",
    "probe_video",
    "resample",
    "resize_image",
    "samples_per_cell",
    "save_image",
    "save_waveform",
    "stream_frames",
    "stream_sound_track",
    "stream_waveform",
    "write_video",
]
