"""The file itself, before a decoder sees it."""

import stat
from pathlib import Path

from media.content import NUM_SNIFFED_BYTES, describe_content
from media.errors import UnreadableMediaError


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
