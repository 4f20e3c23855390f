"""Photos and videos decoded to their end: whether all of them is there."""

from __future__ import annotations

from fused_encoder.media.containers import StreamDecoder, open_container
from fused_encoder.media.errors import UnreadableMediaError
from fused_encoder.media.images import load_image
from inference.survey.records import SurveyedFile

_SHORT_SECONDS, _SHORT_SHARE = 1.0, 0.05


def looked_at(file: SurveyedFile) -> SurveyedFile:
    """The file with the faults that only decoding finds.

    Args:
        file: a photo or video that its header calls readable.
    """
    try:
        return _photo(file) if file.kind == "photo" else _video(file)
    except UnreadableMediaError as error:
        return file.with_fault("damaged", error.reason)


def _photo(file: SurveyedFile) -> SurveyedFile:
    if file.has("truncated"):
        return file
    image = load_image(file.path)
    if image.min() == image.max():
        return file.with_fault("blank", "every pixel has the same colour: nothing is seen.")
    return file


def _video(file: SurveyedFile) -> SurveyedFile:
    with open_container(file.path, "a video") as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        decoder: StreamDecoder = StreamDecoder(container, stream)
        num_frames = sum(1 for _ in decoder)
    if decoder.damage is not None:
        return file.with_fault("damaged", f"{decoder.damage}; {num_frames} frames can be used.")
    seconds = num_frames / (file.frames_per_second or 25.0)
    expected = file.duration_seconds or 0.0
    is_constant_rate = stream.average_rate == stream.base_rate
    if is_constant_rate and seconds < expected * (1 - _SHORT_SHARE) - _SHORT_SECONDS:
        return file.with_fault("damaged", f"{seconds:.1f} s of {expected:.1f} s can be decoded.")
    return file
