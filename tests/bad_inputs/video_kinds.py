"""Videos that are cut, damaged, or lack one half."""

from pathlib import Path

import numpy as np

from tests.bad_inputs.good_media import film, flipped, song, wav_of
from tests.bad_inputs.kind import KindTable

Rng = np.random.Generator
VIDEO_KINDS = KindTable()
VIDEO_KINDS.add_no_media("video", ".mp4")


@VIDEO_KINDS.add(
    "video", ".mp4", "unreadable", says="found an MP4 or MOV video that cannot be decoded"
)
def mp4_without_index(path: Path, rng: Rng) -> None:
    """MP4 that lost its end, where the index is: the camera's battery died."""
    whole = film(rng)
    path.write_bytes(whole[: whole.index(b"moov") - 4])


@VIDEO_KINDS.add("video", ".mp4", "partial", "the part before the cut", says="its frames end at")
def mp4_cut_short(path: Path, rng: Rng) -> None:
    """MP4 with its index at the front that ends in its middle."""
    whole = film(rng, is_fast_start=True)
    path.write_bytes(whole[: len(whole) * 2 // 3])


@VIDEO_KINDS.add("video", ".mp4", "unreadable", says="cannot be decoded")
def mp4_of_an_index_alone(path: Path, rng: Rng) -> None:
    """MP4 with its index at the front that ends before its first frame."""
    whole = film(rng, is_fast_start=True)
    path.write_bytes(whole[: whole.index(b"mdat") + 4])


@VIDEO_KINDS.add("video", ".mkv", "partial", "the part before the cut", says="its frames end at")
def mkv_cut_short(path: Path, rng: Rng) -> None:
    """Matroska that ends in its middle."""
    whole = film(rng, container="matroska", sound_codec=None)
    path.write_bytes(whole[: len(whole) // 2])


@VIDEO_KINDS.add("video", ".mp4", "unreadable", says="without moving pictures")
def mp4_of_sound_alone(path: Path, rng: Rng) -> None:
    """MP4 that holds only sound."""
    path.write_bytes(film(rng, num_frames=0))


@VIDEO_KINDS.add(
    "video", ".mp4", "unreadable", says="found a WAV recording without moving pictures"
)
def wav_named_mp4(path: Path, rng: Rng) -> None:
    """Recording named .mp4."""
    path.write_bytes(wav_of(song(rng)))


@VIDEO_KINDS.add("video", ".mp4", "ok", "its frames, without sound")
def silent_film(path: Path, rng: Rng) -> None:
    """Video without a sound track."""
    path.write_bytes(film(rng, sound_codec=None))


@VIDEO_KINDS.add("video", ".mp4", "partial", "the frames that come out whole", says="are left out")
def mp4_with_flipped_bytes(path: Path, rng: Rng) -> None:
    """Video with changed bytes in its middle."""
    whole = film(rng, is_fast_start=True, sound_codec=None)
    middle = (whole.index(b"mdat") + len(whole)) // 2
    path.write_bytes(flipped(whole, rng, 40, middle, len(whole)))


@VIDEO_KINDS.add("video", ".mp4", "unreadable", says="cannot be decoded")
def mp4_with_all_frames_lost(path: Path, rng: Rng) -> None:
    """Video whose index is whole and whose frames are noise."""
    whole = film(rng, is_fast_start=True, sound_codec=None)
    first = whole.index(b"mdat") + 4
    path.write_bytes(whole[:first] + rng.bytes(len(whole) - first))


@VIDEO_KINDS.add("video", ".avi", "ok", "its frames")
def avi_of_stills(path: Path, rng: Rng) -> None:
    """Motion-JPEG in AVI, of an old trap camera."""
    path.write_bytes(film(rng, container="avi", codec="mjpeg", sound_codec=None))


@VIDEO_KINDS.add("video", ".avi", "partial", "the part before the cut")
def avi_cut_short(path: Path, rng: Rng) -> None:
    """AVI that ends in its middle, and so has no index."""
    whole = film(rng, container="avi", codec="mjpeg", sound_codec=None)
    path.write_bytes(whole[: len(whole) // 2])


@VIDEO_KINDS.add("video", ".mp4", "unreadable", says="frames are black", loads=True)
def black_silent_film(path: Path, rng: Rng) -> None:
    """Video that is black throughout, without sound: the cap was on the lens."""
    path.write_bytes(film(rng, sound_codec=None, brightness=0))
