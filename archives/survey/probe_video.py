"""A video's header: size, rate, length, sound, clock, and whether all of it is there."""

from __future__ import annotations

from dataclasses import replace

from archives.survey.container_clock import read_container_clock
from archives.survey.mp4_boxes import missing_box_bytes
from archives.survey.records import SurveyedFile
from media.containers import open_container
from media.video import probe_video as read_video_info


def probe_video(file: SurveyedFile) -> SurveyedFile:
    """The file with what its header and its first frame say.

    Args:
        file: path, kind and size; not empty.
    Raises:
        OSError: the file cannot be read.
        UnreadableMediaError: no decoder takes it.
    """
    info = read_video_info(file.path)
    missing = missing_box_bytes(file.path)
    if missing:
        file = file.with_fault(
            "truncated", f"{missing} bytes of it are missing. Copy it again from its source."
        )
    with open_container(file.path, "a video") as container:
        names = container.format.name.split(",")
        audio = container.streams.audio[0].codec_context if container.streams.audio else None
        suffix = file.path.suffix.lower().removeprefix(".")
        return replace(
            file,
            format=(suffix if suffix in names else names[0]).upper(),
            width=info.width,
            height=info.height,
            frames_per_second=info.average_frames_per_second,
            duration_seconds=info.duration_seconds,
            has_sound=info.has_audio,
            sample_rate_hz=audio.sample_rate if audio else None,
            num_channels=audio.channels if audio else None,
            clock=read_container_clock(container.metadata),
        )
