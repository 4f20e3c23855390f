"""Photos and videos decoded to their end: whether all of them is there."""

from __future__ import annotations

from collections.abc import Generator

from av.video.frame import VideoFrame

from archives.survey.records import Decoded, SurveyedFile
from media.containers import StreamDecoder, open_container
from media.errors import UnreadableMediaError
from media.images import load_image

_FRAMES_BETWEEN_SIGNS = 100
_SHORT_SECONDS, _SHORT_SHARE = 1.0, 0.05


def looked_at(file: SurveyedFile) -> Generator[Decoded, None, SurveyedFile]:
    """The file with the faults that only decoding finds.

    Args:
        file: a photo or video that its header calls readable.

    Yields:
        Signs of life, as it is decoded.

    Returns:
        The file, with what was found.
    """
    try:
        return _photo(file) if file.kind == "photo" else (yield from _video(file))
    except UnreadableMediaError as error:
        return file.with_fault("unreadable", error.reason)


def _photo(file: SurveyedFile) -> SurveyedFile:
    if file.has("truncated"):
        return file
    image = load_image(file.path)
    if image.min() == image.max():
        return file.with_fault("blank", "every pixel has the same colour: nothing is seen.")
    return file


def _video(file: SurveyedFile) -> Generator[Decoded, None, SurveyedFile]:
    with open_container(file.path, "a video") as container:
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        decoder: StreamDecoder[VideoFrame] = StreamDecoder(container, stream)
        times = []
        for frame in decoder:
            times.append(frame.time or 0.0)
            if len(times) % _FRAMES_BETWEEN_SIGNS == 0:
                yield Decoded(times[-1] - times[-_FRAMES_BETWEEN_SIGNS])
        expected = float((stream.duration or 0) * (stream.time_base or 0))
    if not times:
        return file.with_fault("unreadable", "not one frame can be decoded. Copy it again.")
    if decoder.damage is not None:
        text = f"{decoder.damage}; {len(times)} frames can be used."
        return file.with_fault("damaged", text)
    seconds = max(times) - min(times)
    if seconds < expected * (1 - _SHORT_SHARE) - _SHORT_SECONDS:
        text = f"its frames end at {seconds:.1f} s of {expected:.1f} s."
        return file.with_fault("damaged", text)
    return file
