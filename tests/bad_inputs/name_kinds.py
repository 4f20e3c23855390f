"""Good and bad files under names, and in places, that break careless programs."""

import os
from pathlib import Path

import numpy as np

from tests.bad_inputs.good_media import encoded_photo, encoded_sound, photo, song, wav_of
from tests.bad_inputs.kind import KindTable

Rng = np.random.Generator
NAME_KINDS = KindTable()
_AWKWARD = "not\nUTF-8 " + os.fsdecode(b"\xff\xe9") + " 🐦.wav"


@NAME_KINDS.add(
    "recording", "folder.wav", "no row", "walked like any folder", says="found a folder"
)
def folder_named_wav(path: Path, rng: Rng) -> None:
    """Folder named .wav."""
    path.mkdir()


@NAME_KINDS.add("photo", "dangling.jpg", "unreadable", says="no such file")
def dangling_link(path: Path, rng: Rng) -> None:
    """Link to a file that is gone."""
    path.symlink_to(path.with_name("gone"))


@NAME_KINDS.add("photo", "loop.jpg", "unreadable", says="symbolic links")
def link_to_itself(path: Path, rng: Rng) -> None:
    """Link to itself."""
    path.symlink_to(path)


@NAME_KINDS.add("recording", "pipe.wav", "unreadable", says="found a folder, pipe or device")
def pipe_named_wav(path: Path, rng: Rng) -> None:
    """Named pipe, on which a careless reader waits forever."""
    os.mkfifo(path)


@NAME_KINDS.add("photo", "locked.jpg", "unreadable", says="refused: Permission denied")
def locked_photo(path: Path, rng: Rng) -> None:
    """Photo that may not be read."""
    path.write_bytes(encoded_photo(".jpg", photo(rng)))
    path.chmod(0)


@NAME_KINDS.add("photo", "x" * 251 + ".jpg", "ok", "read, and its name is kept")
def long_name(path: Path, rng: Rng) -> None:
    """Photo with a name of 255 bytes, the longest there is."""
    path.write_bytes(encoded_photo(".jpg", photo(rng)))


@NAME_KINDS.add("recording", _AWKWARD, "ok", "read, and its name is kept")
def awkward_name(path: Path, rng: Rng) -> None:
    """Recording with a newline, an emoji, and bytes that are not UTF-8 in its name."""
    path.write_bytes(wav_of(song(rng)))


@NAME_KINDS.add("recording", "e\u0301tourneau #%s{0} -r.flac", "ok", "read, and its name is kept")
def name_of_signs(path: Path, rng: Rng) -> None:
    """Recording with combining accents and signs that shells and formats take for their own."""
    path.write_bytes(encoded_sound(song(rng), "FLAC"))


@NAME_KINDS.add("photo", ".JPG", "ok", "read like any other")
def capital_extension(path: Path, rng: Rng) -> None:
    """Photo whose extension is in capitals."""
    path.write_bytes(encoded_photo(".jpg", photo(rng)))
