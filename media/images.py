"""Photos: from a file to RGB pixels, and back. The first decoding step of every image's journey."""

import io
import struct
import warnings
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile

from media.atomic import atomic_file
from media.errors import UnreadableMediaError
from media.files import not_decodable, read_head, unreadable_file

# Pillow warns of large photos and of odd metadata, which load nevertheless.
warnings.filterwarnings("ignore", module=r"PIL\.")

IMAGE_EXTENSIONS: frozenset[str] = frozenset(
    {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif"}
)
"""What a folder scan takes for a photo (lower case). `load_image` itself goes by content."""

MAX_IMAGE_BYTES = 1 << 30
BEHIND_TRANSPARENCY = 128
"""Transparent pixels are laid on this middle grey: white or black would draw a hard outline."""

_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "TIFF", "WEBP")
_EXPECTED = "an image (" + " ".join(sorted(IMAGE_EXTENSIONS)) + ")"
_DAMAGED_EXIF = (SyntaxError, ValueError, TypeError, LookupError, EOFError, OSError, struct.error)
_WITHOUT_RANGE = {"I": "32-bit integers", "F": "floats"}
_JPEG_END = b"\xff\xd9"
PhotoBox = tuple[float, float, float, float]
"""What of a photo is meant: left, top, width and height, in pixels of the upright photo."""

BOX_MARGIN = 0.05
"""Of the sides of a box, all around: how much more is cropped."""

_MOST_PIXELS_PER_JPEG_BYTE = 512
"""A Huffman code is at least one bit long, and a block of 64 pixels takes at least one."""


def load_image(path: str | Path, box: PhotoBox | None = None) -> np.ndarray:
    """An image file's pixels, upright, as RGB; or those of an animal in it.

    Goes by content, not by name. EXIF orientation is applied; grey becomes RGB; transparent pixels
    are laid on middle grey; CMYK is converted; 16-bit is scaled to 8-bit; of an animation or a
    multi-page file the first picture is taken.

    Args:
        path: the file; any name the operating system allows.
        box: what is cut out, with a margin of a twentieth of its sides. None: the whole photo.
    Returns:
        uint8 [height, width, 3], RGB in [0, 255].
    Raises:
        FileNotFoundError: nothing is at this path.
        ValueError: the box lies outside of the photo.
        UnreadableMediaError: empty, truncated, damaged, not an image, too large (over 178 million
            pixels, Pillow's limit), or of a pixel type without an agreed range (float).
    """
    path = Path(path)
    content = _read_content(path)
    try:
        image = _decode(path, content)
    except (Image.DecompressionBombError, MemoryError) as error:
        too_large = str(error).removesuffix(".") or "not enough memory"
        raise UnreadableMediaError(
            path, f"it is too large ({too_large}). Scale it down, or remove it."
        ) from error
    except UnreadableMediaError:
        raise
    except Exception as error:  # a damaged file makes Pillow's decoders raise errors of any kind
        raise not_decodable(path, _EXPECTED) from error
    return image if box is None else image[box_slices(image.shape, box)]


def box_slices(shape: tuple[int, ...], box: PhotoBox) -> tuple[slice, slice]:
    """Rows and columns of a photo [height, width, ...] that a box with its margin covers.

    Raises:
        ValueError: none.
    """
    left, top, width, height = box
    across, down = BOX_MARGIN * width, BOX_MARGIN * height
    rows = slice(max(round(top - down), 0), min(max(round(top + height + down), 0), shape[0]))
    columns = slice(
        max(round(left - across), 0), min(max(round(left + width + across), 0), shape[1])
    )
    if rows.start >= rows.stop or columns.start >= columns.stop:
        raise ValueError(
            f"its box {list(box)} lies outside of the photo of {shape[1]} x {shape[0]} pixels"
        )
    return rows, columns


def image_size(path: str | Path) -> tuple[int, int]:
    """Width and height of an upright photo in pixels, from its header.

    Raises:
        FileNotFoundError, UnreadableMediaError: as `load_image`.
    """
    path = Path(path)
    read_head(path)
    try:
        with Image.open(path, formats=_FORMATS) as image:
            width, height = image.size
            with suppress(*_DAMAGED_EXIF):
                if image.getexif().get(0x0112, 1) in (5, 6, 7, 8):  # turned by a quarter
                    return height, width
            return width, height
    except Exception as error:  # a damaged file makes Pillow's decoders raise errors of any kind
        raise not_decodable(path, _EXPECTED) from error


def resize_image(image: np.ndarray, size: tuple[int, int] = (224, 224)) -> np.ndarray:
    """An image stretched to `size`, as the published pipeline does (the aspect ratio may change).

    A side that shrinks is averaged over areas (no aliasing), a side that grows is interpolated.

    Args:
        image: uint8 [height, width, 3].
        size: (height, width) in pixels, each at least 1.
    Returns:
        uint8 [size[0], size[1], 3].
    Raises:
        ValueError: the image or the size is of another form.
    """
    _check_image(image)
    height, width = size
    if height < 1 or width < 1:
        raise ValueError(f"Expected a size of at least (1, 1) pixels, received {size}.")
    shrunk = (min(width, image.shape[1]), min(height, image.shape[0]))
    image = cv2.resize(image, shrunk, interpolation=cv2.INTER_AREA)
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_LINEAR)


def save_image(path: str | Path, image: np.ndarray, *, jpeg_quality: int = 92) -> None:
    """Write an image as JPEG or PNG, by the extension of its name; the folder must exist.

    Args:
        path: ends with .jpg, .jpeg or .png.
        image: uint8 [height, width, 3], RGB.
        jpeg_quality: 1 to 100.
    Raises:
        ValueError: another extension, or another form of image.
        OSError: it could not be written; nothing half-written is left behind.
    """
    path = Path(path)
    if path.suffix.lower() not in {".jpg", ".jpeg", ".png"}:
        raise ValueError(f"Expected a name ending with .jpg, .jpeg or .png, received '{path}'.")
    _check_image(image)
    with atomic_file(path) as temporary:
        Image.fromarray(image).save(temporary, quality=jpeg_quality)


def _read_content(path: Path) -> bytes:
    read_head(path)
    try:
        if path.stat().st_size > MAX_IMAGE_BYTES:
            raise not_decodable(path, f"{_EXPECTED} of at most 1 GiB")
        return path.read_bytes()
    except OSError as error:
        raise unreadable_file(path, error) from error


def _decode(path: Path, content: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(content), formats=_FORMATS) as image:
        if image.format in ("JPEG", "MPO"):
            _check_jpeg_end(path, content, image.width * image.height)
        elif image.format == "PNG":
            with Image.open(io.BytesIO(content), formats=("PNG",)) as unread:
                unread.verify()  # the checksums, at which decoding does not look
        if image.mode in _WITHOUT_RANGE:
            raise UnreadableMediaError(
                path,
                f"expected 8- or 16-bit pixels, found {_WITHOUT_RANGE[image.mode]}, whose range is"
                " not defined. Save it as 8- or 16-bit PNG or TIFF.",
            )
        image.load()
        with suppress(*_DAMAGED_EXIF):  # which does not cost the picture
            ImageOps.exif_transpose(image, in_place=True)
        return np.array(_to_rgb(image))


def _check_jpeg_end(path: Path, content: bytes, num_pixels: int) -> None:
    """Decoders fill with grey what is missing of a JPEG, and report success."""
    file = io.BytesIO(content)
    JpegImageFile(file)  # reads to where the picture begins, behind a thumbnail in its EXIF
    start = file.tell()
    end = content.find(_JPEG_END, start)
    if end < 0 or end - start < num_pixels // _MOST_PIXELS_PER_JPEG_BYTE:
        raise UnreadableMediaError(
            path,
            "expected a whole JPEG image, found one that is cut short (its end comes too early, or"
            " is missing). Copy it again from its source, or remove it.",
        )


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        deep = np.asarray(image).astype(np.uint16)
        image = Image.fromarray(((deep + np.uint32(128)) // 257).astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert("RGB")
    image = image.convert("RGBA")
    on_grey = Image.new("RGB", image.size, (BEHIND_TRANSPARENCY,) * 3)
    on_grey.paste(image, mask=image)
    return on_grey


def _check_image(image: np.ndarray) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ValueError(
            "Expected an image as uint8 [height, width, 3],"
            f" received {image.dtype} {list(image.shape)}."
        )
