"""Photos: from a file to RGB pixels, and back. The first decoding step of every image's journey."""

import functools
import os
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from media.atomic import atomic_file
from media.errors import UnreadableMediaError
from media.files import not_decodable, read_head, unreadable_file
from media.image_headers import ImageHeader, read_image_header

IMAGE_EXTENSIONS: frozenset[str] = frozenset(
    {".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif"}
)
"""What a folder scan takes for a photo (lower case). `load_image` itself goes by content."""

MAX_IMAGE_PIXELS = 250_000_000
MAX_IMAGE_BYTES = 1 << 30
BEHIND_TRANSPARENCY = 128
"""Transparent pixels are laid on this middle grey: white or black would draw a hard outline."""

_PIXELS_AT_A_TIME = 1 << 18
_EXPECTED = "an image (" + " ".join(sorted(IMAGE_EXTENSIONS)) + ")"
_TURNS_AND_FLIPS = [(turns, flips) for turns in range(4) for flips in (False, True)]


def load_image(path: str | Path) -> np.ndarray:
    """An image file's pixels, upright, as RGB.

    Goes by content, not by name. EXIF orientation is applied; grey becomes RGB; transparent pixels
    are laid on middle grey; CMYK is converted; 16-bit is scaled to 8-bit (0..65535 to 0..255); of
    an animation or a multi-page file the first picture is taken.

    Args:
        path: the file; any name the operating system allows.
    Returns:
        uint8 [height, width, 3], RGB in [0, 255].
    Raises:
        FileNotFoundError: nothing is at this path.
        UnreadableMediaError: empty, truncated, damaged, not an image, too large, or of a pixel
            type without an agreed range (float).
    """
    path = Path(path)
    content = _read_content(path)
    header = read_image_header(content)
    if header is not None:
        _check_header(path, header)
    # Only this mode applies EXIF orientation in OpenCV, and only the other keeps transparency.
    is_jpeg = header is not None and header.format == "JPEG"
    pixels = _decode(content, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH if is_jpeg else -1)
    if pixels is None or pixels.size == 0:
        raise not_decodable(path, _EXPECTED)
    image = _to_rgb(path, pixels)
    if not is_jpeg and (b"eXIf" in content or b"EXIF" in content):
        image = _turned_as_opencv_does(image, content)
    return np.ascontiguousarray(image)


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
    extension = path.suffix.lower()
    if extension not in {".jpg", ".jpeg", ".png"}:
        raise ValueError(f"Expected a name ending with .jpg, .jpeg or .png, received '{path}'.")
    _check_image(image)
    options = [] if extension == ".png" else [cv2.IMWRITE_JPEG_QUALITY, jpeg_quality]
    _, content = cv2.imencode(extension, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), options)
    with atomic_file(path) as temporary:
        temporary.write_bytes(content.tobytes())


def _read_content(path: Path) -> bytes:
    read_head(path)
    try:
        if path.stat().st_size > MAX_IMAGE_BYTES:
            raise not_decodable(path, f"{_EXPECTED} of at most 1 GiB")
        return path.read_bytes()
    except OSError as error:
        raise unreadable_file(path, error) from error


def _check_header(path: Path, header: ImageHeader) -> None:
    if header.width * header.height > MAX_IMAGE_PIXELS:
        raise UnreadableMediaError(
            path,
            f"the {header.format} header announces {header.width} x {header.height} pixels, more"
            f" than the {MAX_IMAGE_PIXELS // 10**6} million accepted. Scale it down, or remove it.",
        )
    if not header.is_complete:
        raise UnreadableMediaError(
            path,
            f"expected a whole {header.format} image, found one that is cut short (its end"
            " comes too early, or is missing). Copy it again from its source, or remove it.",
        )


@functools.cache
def _quieten_opencv() -> None:
    """OpenCV's own lines on stderr say less than our error does, and tear progress bars apart."""
    if "OPENCV_LOG_LEVEL" not in os.environ:
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def _decode(content: bytes, flags: int) -> np.ndarray | None:
    _quieten_opencv()
    try:
        return cv2.imdecode(np.frombuffer(content, dtype=np.uint8), flags)
    except cv2.error:  # OpenCV's own limits, or a damage it did not foresee
        return None


def _to_rgb(path: Path, pixels: np.ndarray) -> np.ndarray:
    """OpenCV's grey, BGR or BGRA of 8 or 16 bits to uint8 RGB."""
    if pixels.dtype == np.uint16:
        pixels = _by_rows(_to_8_bits, pixels, pixels.shape)
    if pixels.dtype != np.uint8:
        raise UnreadableMediaError(
            path,
            f"expected 8- or 16-bit pixels, found {pixels.dtype}, whose range is not defined."
            " Save it as 8- or 16-bit PNG or TIFF.",
        )
    num_channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    if num_channels == 1:
        return cv2.cvtColor(pixels, cv2.COLOR_GRAY2RGB)
    if num_channels == 3:
        return cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB)
    if num_channels == 4:
        return _by_rows(_laid_on_grey, pixels, (*pixels.shape[:2], 3))
    raise UnreadableMediaError(
        path, f"expected 1, 3 or 4 colour channels, found {num_channels}. Save it as RGB."
    )


def _by_rows(
    convert: Callable[[np.ndarray], np.ndarray], pixels: np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """Converted some rows at a time: as floats, a large photo would ask for many gigabytes."""
    converted = np.empty(shape, dtype=np.uint8)
    num_rows = max(1, _PIXELS_AT_A_TIME // pixels.shape[1])
    for first in range(0, len(pixels), num_rows):
        rows = slice(first, first + num_rows)
        converted[rows] = convert(pixels[rows])
    return converted


def _to_8_bits(pixels: np.ndarray) -> np.ndarray:
    return np.round(pixels / np.float32(257)).astype(np.uint8)


def _laid_on_grey(bgra: np.ndarray) -> np.ndarray:
    """OpenCV's BGRA as RGB, over the grey where it is transparent."""
    rgba = cv2.cvtColor(bgra, cv2.COLOR_BGRA2RGBA)
    rgb, alpha = rgba[..., :3], rgba[..., 3:]
    if alpha.min() == 255:
        return rgb
    opacity = alpha.astype(np.float32) / 255
    mixed = opacity * rgb + (1 - opacity) * BEHIND_TRANSPARENCY
    return np.round(mixed).astype(np.uint8)


def _turned_as_opencv_does(image: np.ndarray, content: bytes) -> np.ndarray:
    """The image turned by its EXIF orientation, which OpenCV reads but does not tell.

    Compares what OpenCV makes of the file with and without orientation, over all eight ways.
    """
    upright = _decode(content, cv2.IMREAD_COLOR)
    as_stored = _decode(content, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    for num_turns, is_flipped in _TURNS_AND_FLIPS:
        if upright is None or as_stored is None:
            break
        if np.array_equal(_turn(as_stored, num_turns, is_flipped), upright):
            return _turn(image, num_turns, is_flipped)
    return image


def _turn(image: np.ndarray, num_turns: int, is_flipped: bool) -> np.ndarray:
    return np.rot90(image[:, ::-1] if is_flipped else image, num_turns)


def _check_image(image: np.ndarray) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise ValueError(
            "Expected an image as uint8 [height, width, 3],"
            f" received {image.dtype} {list(image.shape)}."
        )
