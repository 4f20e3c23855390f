"""A photo's header: format, size, camera, clock, and whether its end is there."""

from __future__ import annotations

from dataclasses import replace

from archives.survey.photo_header import read_photo_header
from archives.survey.records import SurveyedFile
from media.files import not_decodable


def probe_photo(file: SurveyedFile) -> SurveyedFile:
    """The file with what its header says.

    Args:
        file: path, kind and size; not empty.
    Raises:
        OSError: the file cannot be read.
        UnreadableMediaError: it is no image of the kinds that are read.
    """
    header = read_photo_header(file.path, file.num_bytes)
    if header.image is None or not header.image.width or not header.image.height:
        raise not_decodable(file.path, "an image")
    file = replace(
        file, format=header.image.format, width=header.image.width, height=header.image.height
    )
    if header.tags is not None:
        file = replace(file, clock=header.tags.clock, recorder=header.tags.model)
    if not header.image.is_complete:
        file = file.with_fault(
            "truncated",
            f"the end of the {header.image.format} is missing: it will be skipped. Copy it again from its"
            " source, or remove it.",
        )
    return file
