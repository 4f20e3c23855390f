"""Photos that are cut, damaged, enormous, or of a rare kind."""

import io
import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from tests.bad_inputs.good_media import encoded_photo, encoded_sound, flipped, photo, song
from tests.bad_inputs.kind import KindTable

Rng = np.random.Generator
PHOTO_KINDS = KindTable()
PHOTO_KINDS.add_no_media("photo", ".jpg")
_LARGE = (240, 320)


def png_chunk(name: bytes, content: bytes) -> bytes:
    crc = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", crc)


def save_with_pillow(path: Path, image: Image.Image, file_format: str, **options: object) -> None:
    """Pillow goes by the format and not by the name, which may be any."""
    file = io.BytesIO()
    image.save(file, file_format, **options)
    path.write_bytes(file.getvalue())


def write_cut(path: Path, rng: Rng, extension: str, *options: int, kept: float = 0.6) -> None:
    whole = encoded_photo(extension, photo(rng, *_LARGE), *options)
    path.write_bytes(whole[: int(kept * len(whole))])


@PHOTO_KINDS.add("photo", ".jpg", "unreadable", says="found an MP3 recording")
def mp3_named_jpg(path: Path, rng: Rng) -> None:
    """Recording named .jpg."""
    path.write_bytes(b"ID3\x04\x00\x00\x00\x00\x00\x00" + encoded_sound(song(rng, 0.5), "MP3"))


@PHOTO_KINDS.add("photo", ".jpg", "unreadable", says="found a HEIC image")
def heic_named_jpg(path: Path, rng: Rng) -> None:
    """HEIC of a telephone named .jpg."""
    path.write_bytes(struct.pack(">I", 24) + b"ftypheic\0\0\0\0mif1heic" + rng.bytes(4000))


@PHOTO_KINDS.add("photo", ".jpg", "ok", "read by content")
def png_named_jpg(path: Path, rng: Rng) -> None:
    """PNG named .jpg."""
    path.write_bytes(encoded_photo(".png", photo(rng)))


@PHOTO_KINDS.add("photo", ".jpg", "unreadable", says="cut short")
def jpeg_cut_short(path: Path, rng: Rng) -> None:
    """JPEG that ends in its middle."""
    write_cut(path, rng, ".jpg")


@PHOTO_KINDS.add("photo", ".jpg", "unreadable", says="cut short")
def progressive_jpeg_cut_short(path: Path, rng: Rng) -> None:
    """Progressive JPEG that ends in its middle."""
    write_cut(path, rng, ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1)


@PHOTO_KINDS.add("photo", ".jpg", "unreadable", says="cut short")
def jpeg_without_its_end(path: Path, rng: Rng) -> None:
    """JPEG without its last two bytes, the end marker."""
    path.write_bytes(encoded_photo(".jpg", photo(rng))[:-2])


@PHOTO_KINDS.add("photo", ".jpg", "unreadable", says="cut short")
def jpeg_ending_in_zeros(path: Path, rng: Rng) -> None:
    """JPEG whose second half is zeros: a copy that broke off, filled up."""
    whole = encoded_photo(".jpg", photo(rng, *_LARGE))
    path.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) // 2))


@PHOTO_KINDS.add("photo", ".png", "unreadable", says="cut short")
def png_cut_short(path: Path, rng: Rng) -> None:
    """PNG that ends in its middle."""
    write_cut(path, rng, ".png")


@PHOTO_KINDS.add("photo", ".gif", "unreadable", says="cannot be decoded")
def gif_cut_short(path: Path, rng: Rng) -> None:
    """GIF that ends in its middle."""
    write_cut(path, rng, ".gif")


@PHOTO_KINDS.add("photo", ".tif", "unreadable", says="cannot be decoded")
def tiff_cut_short(path: Path, rng: Rng) -> None:
    """TIFF that ends in its middle."""
    write_cut(path, rng, ".tiff")


@PHOTO_KINDS.add("photo", ".bmp", "unreadable", says="cannot be decoded")
def bmp_cut_short(path: Path, rng: Rng) -> None:
    """BMP that ends in its middle."""
    write_cut(path, rng, ".bmp")


@PHOTO_KINDS.add("photo", ".webp", "unreadable", says="cannot be decoded")
def webp_cut_short(path: Path, rng: Rng) -> None:
    """WebP that ends in its middle."""
    write_cut(path, rng, ".webp")


@PHOTO_KINDS.add("photo", ".png", "unreadable", says="cannot be decoded")
def png_of_wrong_checksum(path: Path, rng: Rng) -> None:
    """PNG with changed bytes among its pixels, which its checksum tells."""
    whole = encoded_photo(".png", photo(rng, *_LARGE))
    path.write_bytes(flipped(whole, rng, 20, len(whole) // 3, len(whole) // 2))


@PHOTO_KINDS.add("photo", ".png", "unreadable", says="exceeds limit of 178956970 pixels")
def png_of_60000_pixels(path: Path, rng: Rng) -> None:
    """PNG of some bytes that announces 60000 x 60000 pixels."""
    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    pixels = png_chunk(b"IDAT", zlib.compress(bytes(100_000)))
    start = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)
    path.write_bytes(start + pixels + png_chunk(b"IEND", b""))


@PHOTO_KINDS.add("photo", ".jpg", "unreadable", says="exceeds limit of 178956970 pixels")
def jpeg_of_65000_pixels(path: Path, rng: Rng) -> None:
    """JPEG whose header announces 65000 x 65000 pixels."""
    jpeg = bytearray(encoded_photo(".jpg", photo(rng)))
    size = jpeg.index(b"\xff\xc0") + 5
    jpeg[size : size + 4] = struct.pack(">HH", 65000, 65000)
    path.write_bytes(jpeg)


@PHOTO_KINDS.add("photo", ".gif", "unreadable", says="exceeds limit of 178956970 pixels")
def gif_of_65000_pixels(path: Path, rng: Rng) -> None:
    """GIF whose header announces 65000 x 65000 pixels."""
    gif = encoded_photo(".gif", photo(rng))
    path.write_bytes(gif[:6] + struct.pack("<HH", 65000, 65000) + gif[10:])


@PHOTO_KINDS.add("photo", ".tif", "unreadable", says="whose range is not defined")
def tiff_of_floats(path: Path, rng: Rng) -> None:
    """TIFF of float pixels."""
    path.write_bytes(encoded_photo(".tiff", photo(rng)[..., 0].astype(np.float32)))


@PHOTO_KINDS.add("photo", ".jpg", "ok", "converted to RGB")
def cmyk_jpeg(path: Path, rng: Rng) -> None:
    """JPEG in CMYK, from a print shop."""
    save_with_pillow(path, Image.fromarray(photo(rng)).convert("CMYK"), "JPEG")


@PHOTO_KINDS.add("photo", ".png", "ok", "scaled to 8 bits")
def png_of_16_bits(path: Path, rng: Rng) -> None:
    """PNG of 16 bits per channel."""
    path.write_bytes(encoded_photo(".png", photo(rng).astype(np.uint16) * 257))


@PHOTO_KINDS.add("photo", ".png", "ok", "black and white as RGB")
def png_of_1_bit(path: Path, rng: Rng) -> None:
    """PNG of 1 bit per pixel."""
    save_with_pillow(path, Image.fromarray(photo(rng)).convert("1"), "PNG")


@PHOTO_KINDS.add("photo", ".png", "ok", "converted to RGB")
def png_with_palette(path: Path, rng: Rng) -> None:
    """PNG of 16 colours out of a palette."""
    save_with_pillow(path, Image.fromarray(photo(rng)).quantize(16), "PNG")


@PHOTO_KINDS.add("photo", ".png", "ok", "laid on middle grey")
def png_with_alpha(path: Path, rng: Rng) -> None:
    """PNG with transparency."""
    alpha = rng.integers(0, 256, (48, 64, 1), dtype=np.uint8)
    path.write_bytes(encoded_photo(".png", np.dstack([photo(rng), alpha])))


@PHOTO_KINDS.add("photo", ".png", "ok", "one pixel, enlarged")
def photo_of_one_pixel(path: Path, rng: Rng) -> None:
    """PNG of 1 x 1 pixel."""
    path.write_bytes(encoded_photo(".png", photo(rng)[:1, :1]))


@PHOTO_KINDS.add("photo", ".jpg", "ok", "stretched like any other")
def photo_of_one_row(path: Path, rng: Rng) -> None:
    """JPEG of 4032 x 1 pixels."""
    path.write_bytes(encoded_photo(".jpg", np.tile(photo(rng)[:1], (1, 63, 1))))


@PHOTO_KINDS.add("photo", ".jpg", "ok", "turned upright")
def jpeg_on_its_side(path: Path, rng: Rng) -> None:
    """JPEG with an EXIF orientation."""
    image = Image.fromarray(photo(rng))
    exif = Image.Exif()
    exif[0x0112] = 6
    save_with_pillow(path, image, "JPEG", exif=exif)


@PHOTO_KINDS.add("photo", ".gif", "ok", "its first picture")
def animated_gif(path: Path, rng: Rng) -> None:
    """Animated GIF."""
    pictures = [Image.fromarray(photo(rng)) for _ in range(3)]
    save_with_pillow(path, pictures[0], "GIF", save_all=True, append_images=pictures[1:])


@PHOTO_KINDS.add("photo", ".jpg", "ok", "the whole picture")
def progressive_jpeg(path: Path, rng: Rng) -> None:
    """Progressive JPEG."""
    path.write_bytes(encoded_photo(".jpg", photo(rng), cv2.IMWRITE_JPEG_PROGRESSIVE, 1))


@PHOTO_KINDS.add("photo", ".jpg", "ok", "three equal channels")
def grey_jpeg(path: Path, rng: Rng) -> None:
    """Grey JPEG."""
    path.write_bytes(encoded_photo(".jpg", photo(rng)[..., 0]))


@PHOTO_KINDS.add("photo", ".jpg", "ok", "the whole picture")
def jpeg_with_bytes_behind(path: Path, rng: Rng) -> None:
    """JPEG with the camera's own bytes behind its end."""
    path.write_bytes(encoded_photo(".jpg", photo(rng)) + rng.bytes(3000))


@PHOTO_KINDS.add("photo", ".jpg", "ok", "not noticed: the picture, smeared from there on")
def jpeg_with_flipped_bytes(path: Path, rng: Rng) -> None:
    """JPEG with changed bytes in its middle."""
    whole = encoded_photo(".jpg", photo(rng, *_LARGE))
    damaged = bytearray(whole)
    for place in rng.integers(len(whole) // 2, len(whole) * 3 // 4, 8):
        if damaged[place] < 0x80 and damaged[place - 1] != 0xFF:  # 0xFF begins a marker
            damaged[place] ^= int(rng.integers(1, 0x80))
    path.write_bytes(damaged)


@PHOTO_KINDS.add("photo", ".jpg", "unreadable", says="entirely black", loads=True)
def black_photo(path: Path, rng: Rng) -> None:
    """JPEG that is black throughout: the cap was on the lens."""
    path.write_bytes(encoded_photo(".jpg", np.zeros((48, 64, 3), np.uint8)))
