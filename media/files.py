"""The file itself, before a decoder sees it: whether it can be read, and what it really is."""

import stat
from pathlib import Path

from media.errors import UnreadableMediaError

NUM_SNIFFED_BYTES = 64

_SIGNATURES: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\xff\xd8\xff", "a JPEG image"),
    (0, b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (0, b"GIF8", "a GIF image"),
    (0, b"BM", "a BMP image"),
    (0, b"II*\x00", "a TIFF image"),
    (0, b"MM\x00*", "a TIFF image"),
    (8, b"WEBP", "a WebP image"),
    (8, b"WAVE", "a WAV recording"),
    (8, b"AVI ", "an AVI video"),
    (8, b"AIFF", "an AIFF recording"),
    (4, b"ftypheic", "a HEIC image"),
    (4, b"ftypmif1", "a HEIF image"),
    (4, b"ftypavif", "an AVIF image"),
    (4, b"ftypM4A", "an M4A recording"),
    (4, b"ftyp", "an MP4 or MOV video"),
    (0, b"ID3", "an MP3 recording"),
    (0, b"\xff\xfb", "an MP3 recording"),
    (0, b"\xff\xf3", "an MP3 recording"),
    (0, b"\xff\xf1", "an AAC recording"),
    (0, b"fLaC", "a FLAC recording"),
    (0, b"OggS", "an Ogg recording"),
    (0, b"\x1a\x45\xdf\xa3", "a Matroska or WebM video"),
    (0, b"%PDF", "a PDF document"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"\x1f\x8b", "a gzip archive"),
)


def read_head(path: str | Path) -> bytes:
    """The first bytes of a file that exists, is a regular file, may be read, and is not empty.

    Every loader asks this first, so that no decoder waits on a pipe or walks a link loop.

    Returns:
        1 to `NUM_SNIFFED_BYTES` bytes.
    Raises:
        FileNotFoundError: nothing is at this path.
        UnreadableMediaError: a folder, a pipe, a link loop, no permission, or zero bytes.
    """
    path = Path(path)
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UnreadableMediaError(path, "expected a file, found a folder, pipe or device.")
        with path.open("rb") as file:
            head = file.read(NUM_SNIFFED_BYTES)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(
            f"'{path}' does not exist (seen from '{Path.cwd()}'). Check the path."
        ) from None
    except OSError as error:
        raise unreadable_file(path, error) from error
    if not head:
        raise UnreadableMediaError(
            path, "the file is empty (0 bytes). Copy it again from its source, or remove it."
        )
    return head


def unreadable_file(path: Path, error: OSError) -> UnreadableMediaError:
    """The operating system's refusal, in the words of this package."""
    reason = error.strerror or str(error)
    return UnreadableMediaError(
        path, f"the operating system refused: {reason}. Check the file's permissions and disk."
    )


def not_decodable(path: Path, expected: str) -> UnreadableMediaError:
    """The refusal of a file whose content no decoder understands; says what the content is."""
    return UnreadableMediaError(
        path,
        f"expected {expected}, found {describe_content(read_head(path))} that cannot be decoded:"
        " damaged, cut short, or not what its name says. Copy it again from its source, convert it,"
        " or remove it.",
    )


def describe_content(head: bytes) -> str:
    """The kind of file that begins with these bytes (`read_head`), in words for an error message.

    Such as "text ('<!DOCTYPE html>')", "unknown content (first bytes 00 01 02 03)".

    Example:
        >>> describe_content(b"ID3")
        'an MP3 recording'
    """
    for position, signature, name in _SIGNATURES:
        if head[position : position + len(signature)] == signature:
            return name
    if not head.strip(b"\x00"):
        return "nothing but zero bytes"
    text = head.decode("utf-8", errors="ignore")
    if text and all(letter.isprintable() or letter.isspace() for letter in text):
        return f"text ({' '.join(text.split())[:32]!r})"
    return f"unknown content (first bytes {head[:8].hex(' ')})"
