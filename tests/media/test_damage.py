"""What damage may not do: ask for gigabytes, or come out as a picture that nobody took."""

import struct
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from media import (
    UnreadableMediaError,
    iter_moments,
    load_image,
    load_waveform,
    video_frames,
)
from media.containers import StreamDecoder
from tests.bad_inputs.good_media import encoded_photo, film, flipped, photo, song, wav_of
from tests.bad_inputs.photo_kinds import png_chunk


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str, bytes], Path]:
    def write(name: str, content: bytes) -> Path:
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write


def blank_png(side: int, num_bits: int, colour_type: int, num_channels: int) -> bytes:
    row = bytes(1 + side * num_channels * num_bits // 8)
    header = struct.pack(">IIBBBBB", side, side, num_bits, colour_type, 0, 0, 0)
    packer = zlib.compressobj(1)
    pixels = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    start = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)
    return start + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")


@pytest.mark.parametrize(("num_bits", "colour_type", "num_channels"), [(8, 6, 4), (16, 2, 3)])
def test_a_large_photo_is_converted_within_little_more_than_its_own_size(
    file: Callable, num_bits: int, colour_type: int, num_channels: int
) -> None:
    side = 3000
    path = file("large.png", blank_png(side, num_bits, colour_type, num_channels))
    program = (
        "import resource, sys; from media import load_image\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak(); image = load_image(sys.argv[1]); print(peak() - before)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    raw_kilobytes = side * side * num_channels * num_bits // 8 // 1024
    assert int(run.stdout) < 3.5 * raw_kilobytes


@pytest.mark.parametrize("is_progressive", [0, 1])
def test_a_jpeg_whose_height_is_damaged_is_refused(
    file: Callable, rng: np.random.Generator, is_progressive: int
) -> None:
    jpeg = bytearray(
        encoded_photo(".jpg", photo(rng), cv2.IMWRITE_JPEG_PROGRESSIVE, is_progressive)
    )
    height = jpeg.index(b"\xff\xc2" if is_progressive else b"\xff\xc0") + 5
    jpeg[height : height + 2] = struct.pack(">H", 20_000)
    with pytest.raises(UnreadableMediaError, match="its end comes too early"):
        load_image(file("tall.jpg", bytes(jpeg)))


@pytest.mark.parametrize("options", [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1)])
def test_the_emptiest_jpeg_is_still_taken_as_whole(file: Callable, options: tuple) -> None:
    smallest = (cv2.IMWRITE_JPEG_QUALITY, 1, cv2.IMWRITE_JPEG_OPTIMIZE, 1, *options)
    jpeg = encoded_photo(".jpg", np.zeros((2000, 3000, 3), np.uint8), *smallest)
    assert load_image(file("black.jpg", jpeg)).max() <= 1


@pytest.mark.parametrize("seed", range(5))
def test_frames_with_holes_are_left_out_and_told_of(
    file: Callable, caplog: pytest.LogCaptureFixture, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    whole = film(rng, is_fast_start=True, sound_codec=None)
    kept = [moment.frame for moment in iter_moments(file("a.mp4", whole), frames_per_second=None)]
    middle = (whole.index(b"mdat") + len(whole)) // 2
    path = file("b.mp4", flipped(whole, rng, 30, middle, len(whole)))
    moments = list(iter_moments(path, frames_per_second=None))
    assert 0 < len(moments) < len(kept)
    assert f"{len(moments)} frames are used" in caplog.text
    assert "frames came out with holes and are left out" in caplog.text or "packets" in caplog.text


def test_what_comes_before_the_damage_is_as_it_was(
    file: Callable, rng: np.random.Generator
) -> None:
    whole = film(rng, is_fast_start=True, sound_codec=None)
    good = list(iter_moments(file("a.mp4", whole), frames_per_second=None))
    last_third = len(whole) - (len(whole) - whole.index(b"mdat")) // 3
    path = file("b.mp4", flipped(whole, rng, 60, last_third, len(whole)))
    by_index = {m.frame_index: m for m in iter_moments(path, frames_per_second=None)}
    assert all(np.array_equal(by_index[i].frame, good[i].frame) for i in range(8))


def test_frames_of_enormous_size_are_refused_before_they_are_decoded(
    file: Callable, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video_frames, "MAX_FRAME_PIXELS", 3071)
    path = file("a.mp4", film(rng))
    with pytest.raises(UnreadableMediaError, match="announces frames of 64 x 48 pixels, more than"):
        next(iter_moments(path))


def test_a_playlist_does_not_pass_for_the_sound_that_it_names(
    file: Callable, rng: np.random.Generator
) -> None:
    file("good.wav", wav_of(song(rng)))
    playlist = file("list.m4a", b"ffconcat version 1.0\nfile good.wav\n")
    with pytest.raises(UnreadableMediaError, match=r"found text \('ffconcat version 1.0"):
        load_waveform(playlist)


def test_packets_of_a_stream_that_was_not_announced_are_passed_over(
    file: Callable, rng: np.random.Generator
) -> None:
    class Surprising:
        """As PyAV does it: the first packet is of a stream that it does not know."""

        def __init__(self, container: av.container.InputContainer) -> None:
            self._container, self._is_surprised = container, False

        def demux(self, stream: av.VideoStream) -> Iterator[av.Packet]:
            if not self._is_surprised:
                self._is_surprised = True
                raise IndexError("list index out of range")
            yield from self._container.demux(stream)

    with av.open(str(file("a.mp4", film(rng)))) as container:
        decoder = StreamDecoder(Surprising(container), container.streams.video[0])
        assert len(list(decoder)) == 20
        assert decoder.damage is None


def test_colours_that_no_standard_knows_are_shown_by_the_usual_ones() -> None:
    usual, unknown = (av.VideoFrame(16, 16, "yuv420p") for _ in range(2))
    for frame in (usual, unknown):
        for plane in frame.planes:
            plane.update(bytes([90]) * plane.buffer_size)
    unknown.colorspace = 65
    shown = [video_frames.frame_to_rgb(Path("a.mp4"), frame) for frame in (usual, unknown)]
    np.testing.assert_array_equal(*shown)
