"""A photo's header without reading all of it: the beginning tells the size, the end whether it is there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from archives.survey.exif import PhotoTags, read_photo_tags
from media.image_headers import ImageHeader, read_image_header

_HEAD_BYTES = 1 << 17
_TAIL_BYTES = 1 << 16
_ENDS = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}


@dataclass(frozen=True)
class PhotoHeader:
    """What a photo says before it is decoded.

    Attributes:
        image: format, size, and whether its end is there; None where it is no image.
        tags: of its making; None without EXIF.
    """

    image: ImageHeader | None
    tags: PhotoTags | None


def read_photo_header(path: Path, num_bytes: int) -> PhotoHeader:
    """The header of a JPEG, PNG, GIF, BMP, WebP or TIFF.

    Of a sound photo 192 KiB are read; one whose end is not where it should be is read whole, to be sure.

    Args:
        path: of the photo.
        num_bytes: its size.
    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(_HEAD_BYTES)
        if num_bytes <= len(head):
            return PhotoHeader(read_image_header(head), read_photo_tags(head))
        file.seek(max(0, num_bytes - _TAIL_BYTES))
        tail = file.read()
        image = read_image_header(head)
        if image is not None and image.width and _ends_well(image, tail):
            return PhotoHeader(
                ImageHeader(image.format, image.width, image.height), read_photo_tags(head)
            )
        file.seek(0)
        content = file.read()
    return PhotoHeader(read_image_header(content), read_photo_tags(content))


def _ends_well(image: ImageHeader, tail: bytes) -> bool:
    """Compressed JPEG data never hold the end marker, and a preview in EXIF lies far from the end."""
    return image.format not in _ENDS or _ENDS[image.format] in tail
