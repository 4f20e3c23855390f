"""What an image says of itself before it is decoded: how large it is, and whether its end is there.

OpenCV offers no look at the header alone. Without one a few kilobytes can ask for gigabytes, and
releases before 5 fill the missing part of a truncated JPEG with grey, or with the previous image
(opencv/opencv issue 26488), and report success.
"""

import struct
from dataclasses import dataclass

_JPEG_START, _JPEG_END = b"\xff\xd8\xff", b"\xff\xd9"
_JPEG_START_OF_SCAN = 0xDA
_JPEG_SIZE_MARKERS = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_JPEG_MARKERS_WITHOUT_LENGTH = frozenset({0x00, 0x01, *range(0xD0, 0xDA)})
_JPEG_HUFFMAN_MARKERS = frozenset({0xC0, 0xC1, 0xC2})
_JPEG_MOST_PIXELS_PER_BYTE = 512
"""A Huffman code is at least one bit long, and a block of 64 pixels takes at least one."""
_PNG_START = b"\x89PNG\r\n\x1a\n"
_TIFF_BYTE_ORDERS = {b"II*\x00": "<", b"MM\x00*": ">"}
_TIFF_WIDTH, _TIFF_HEIGHT, _TIFF_SHORT = 256, 257, 3


@dataclass(frozen=True)
class ImageHeader:
    """What the header promises. Sizes in pixels, as stored (before EXIF orientation)."""

    format: str
    width: int
    height: int
    is_complete: bool = True


def read_image_header(content: bytes) -> ImageHeader | None:
    """The header of a JPEG, PNG, GIF, BMP, WebP or TIFF file.

    Args:
        content: the whole file.
    Returns:
        None where the format is another one, or the header itself is cut short.
    """
    try:
        if content.startswith(_JPEG_START):
            return _read_jpeg(content)
        if content.startswith(_PNG_START):
            return _read_png(content)
        if content.startswith(b"GIF8"):
            return ImageHeader("GIF", *struct.unpack_from("<HH", content, 6))
        if content.startswith(b"BM"):
            return _read_bmp(content)
        if content[8:12] == b"WEBP":
            return _read_webp(content)
        if content[:4] in _TIFF_BYTE_ORDERS:
            return _read_tiff(content, _TIFF_BYTE_ORDERS[content[:4]])
    except struct.error:  # the file ends inside its header
        return None
    return None


def _read_jpeg(content: bytes) -> ImageHeader:
    """Step from segment to segment: a thumbnail inside EXIF has a size and an end of its own."""
    width = height = least_bytes = 0
    position = 2
    while (position := content.find(b"\xff", position)) >= 0 and position + 4 <= len(content):
        marker, length = struct.unpack_from(">BH", content, position + 1)
        if marker == 0xFF:  # padding
            position += 1
            continue
        if marker in _JPEG_MARKERS_WITHOUT_LENGTH:
            position += 2
            continue
        if marker in _JPEG_SIZE_MARKERS:
            height, width = struct.unpack_from(">HH", content, position + 5)
            if marker in _JPEG_HUFFMAN_MARKERS:
                least_bytes = width * height // _JPEG_MOST_PIXELS_PER_BYTE
        position += 2 + length
        if marker == _JPEG_START_OF_SCAN:
            break
    end = content.find(_JPEG_END, position) if position >= 0 else -1
    # A damaged height, or an end marker out of place: the decoder would fill the rest with grey.
    is_complete = end >= 0 and end - position >= least_bytes
    return ImageHeader("JPEG", width, height, is_complete)


def _read_png(content: bytes) -> ImageHeader:
    width, height = struct.unpack_from(">II", content, 16)
    position = len(_PNG_START)
    kind = b""
    while kind != b"IEND" and position + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, position)
        position += 12 + length
    is_complete = kind == b"IEND" and position <= len(content)
    return ImageHeader("PNG", width, height, is_complete)


def _read_bmp(content: bytes) -> ImageHeader:
    (header_size,) = struct.unpack_from("<I", content, 14)
    width, height = struct.unpack_from("<HH" if header_size == 12 else "<ii", content, 18)
    return ImageHeader("BMP", abs(width), abs(height))


def _read_webp(content: bytes) -> ImageHeader | None:
    kind = content[12:16]
    if kind == b"VP8X":
        width = int.from_bytes(content[24:27], "little") + 1
        height = int.from_bytes(content[27:30], "little") + 1
    elif kind == b"VP8L":
        (packed,) = struct.unpack_from("<I", content, 21)
        width, height = (packed & 0x3FFF) + 1, (packed >> 14 & 0x3FFF) + 1
    elif kind == b"VP8 ":
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", content, 26))
    else:
        return None
    return ImageHeader("WebP", width, height)


def _read_tiff(content: bytes, byte_order: str) -> ImageHeader:
    (position,) = struct.unpack_from(byte_order + "I", content, 4)
    (num_entries,) = struct.unpack_from(byte_order + "H", content, position)
    sizes = {_TIFF_WIDTH: 0, _TIFF_HEIGHT: 0}
    for entry in range(num_entries):
        start = position + 2 + 12 * entry
        tag, kind = struct.unpack_from(byte_order + "HH", content, start)
        if tag in sizes:
            number = "H" if kind == _TIFF_SHORT else "I"
            (sizes[tag],) = struct.unpack_from(byte_order + number, content, start + 8)
    return ImageHeader("TIFF", sizes[_TIFF_WIDTH], sizes[_TIFF_HEIGHT])
