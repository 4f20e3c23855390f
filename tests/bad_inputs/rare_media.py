"""Good files of the rarer formats, for a long fuzz."""

import io

import cv2
import numpy as np
from PIL import Image

from tests.bad_inputs.good_media import encoded_photo, encoded_sound, film, photo, song

_FILMS = {
    ".webm": ("webm", "libvpx-vp9", "libopus"),
    ".ts": ("mpegts", "libx264", "aac"),
    ".mov": ("mov", "mpeg4", "aac"),
    ".flv": ("flv", "libx264", "aac"),
    ".mpg": ("mpeg", "mpeg2video", "mp2"),
    ".3gp": ("3gp", "mpeg4", "aac"),
    ".hevc.mp4": ("mp4", "hevc", "aac"),
    ".mjpeg.mov": ("mov", "mjpeg", "pcm_s16le"),
    ".ffv1.mkv": ("matroska", "ffv1", "flac"),
}
_FFMPEG_SOUNDS = {
    ".aac": ("adts", "aac"),
    ".mka": ("matroska", "aac"),
    ".alac.m4a": ("ipod", "alac"),
    ".wv": ("wv", "wavpack"),
}
_SOUNDFILE_SOUNDS = {
    ".adpcm.wav": ("WAV", "MS_ADPCM"),
    ".ima.wav": ("WAV", "IMA_ADPCM"),
    ".gsm.wav": ("WAV", "GSM610"),
    ".caf": ("CAF", "ALAC_16"),
    ".au": ("AU", "PCM_16"),
    ".w64": ("W64", "PCM_16"),
    ".rf64.wav": ("RF64", "PCM_16"),
}


def rare_files() -> dict[str, bytes]:
    """One good file of each, by its extension; always the same ones."""
    rng = np.random.default_rng(1)
    waveform = song(rng, 1.0)
    films = {
        name: film(rng, container=box, codec=seen, sound_codec=heard, num_frames=10, seconds=1.0)
        for name, (box, seen, heard) in _FILMS.items()
    }
    sounds = {
        name: film(rng, container=box, num_frames=0, sound_codec=codec, seconds=1.0)
        for name, (box, codec) in _FFMPEG_SOUNDS.items()
    }
    others = {
        name: encoded_sound(waveform, file_format, subtype)
        for name, (file_format, subtype) in _SOUNDFILE_SOUNDS.items()
    }
    return films | sounds | others | _rare_photos(rng)


def _rare_photos(rng: np.random.Generator) -> dict[str, bytes]:
    image = photo(rng)
    exif = Image.Exif()
    exif[0x0112] = 6
    pictures = [Image.fromarray(photo(rng)) for _ in range(3)]
    return {
        ".progressive.jpg": encoded_photo(".jpg", image, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        ".turned.jpg": _by_pillow(Image.fromarray(image), "JPEG", exif=exif),
        ".turned.png": _by_pillow(Image.fromarray(image), "PNG", exif=exif),
        ".cmyk.jpg": _by_pillow(Image.fromarray(image).convert("CMYK"), "JPEG"),
        ".deep.png": encoded_photo(".png", image.astype(np.uint16) * 257),
        ".deep.tif": encoded_photo(".tiff", image.astype(np.uint16) * 257),
        ".palette.png": _by_pillow(Image.fromarray(image).quantize(16), "PNG"),
        ".jpeg.tif": _by_pillow(Image.fromarray(image), "TIFF", compression="jpeg"),
        ".deflate.tif": _by_pillow(Image.fromarray(image), "TIFF", compression="tiff_deflate"),
        ".1bit.tif": _by_pillow(Image.fromarray(image).convert("1"), "TIFF", compression="group4"),
        ".lossless.webp": encoded_photo(".webp", image, cv2.IMWRITE_WEBP_QUALITY, 101),
        ".animated.gif": _by_pillow(pictures[0], "GIF", save_all=True, append_images=pictures[1:]),
        ".animated.webp": _by_pillow(
            pictures[0], "WEBP", save_all=True, append_images=pictures[1:]
        ),
        ".palette.bmp": _by_pillow(Image.fromarray(image).quantize(16), "BMP"),
    }


def _by_pillow(image: Image.Image, file_format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, file_format, **options)
    return file.getvalue()
