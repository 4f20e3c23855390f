"""What files say of themselves before they are decoded: whole, cut off, and odd ones."""

import struct

import cv2
import numpy as np
import pytest
import soundfile
from PIL import Image

from media import UnreadableMediaError
from media.headers import read_photo_header, read_recording_header

PIXELS = np.random.default_rng(0).integers(0, 255, (300, 400, 3), dtype=np.uint8)


def save_with_exif(path, pixels=PIXELS):
    """As a camera does: with a preview, which has an end of its own."""
    exif = Image.Exif()
    exif[0x0110] = "Bushnell"
    exif.get_ifd(0x8769).update({0x9003: "2023:05:14 05:30:00", 0x9011: "+02:00"})
    preview = cv2.imencode(".jpg", pixels[:64, :64])[1].tobytes()
    Image.fromarray(pixels).save(path, exif=exif.tobytes() + preview, quality=100)
    return path


@pytest.mark.parametrize("ending", ["jpg", "png", "webp", "tiff"])
def test_a_photos_header_is_told(ending, tmp_path):
    header = read_photo_header(save_with_exif(tmp_path / f"a.{ending}"))
    assert header.format.lower().startswith(ending[:2])
    assert (header.width, header.height, header.is_complete) == (400, 300, True)
    assert list(header.notes.values()) == ["Bushnell", "2023:05:14 05:30:00", "+02:00"]


@pytest.mark.parametrize("ending", ["jpg", "png"])
@pytest.mark.parametrize("size", [300, 100])  # read at both ends; read whole
def test_a_photo_without_its_end_is_told(ending, size, tmp_path):
    path = save_with_exif(tmp_path / f"a.{ending}", PIXELS[:size, :size])
    content = path.read_bytes()
    path.write_bytes(content + bytes(100_000))  # a film behind it
    assert read_photo_header(path).is_complete
    for kept in (0.6, 0.99):
        path.write_bytes(content[: int(kept * len(content))])
        assert not read_photo_header(path).is_complete


def test_a_photo_that_announces_more_pixels_than_are_accepted_is_refused(tmp_path):
    path = tmp_path / "a.jpg"
    Image.new("L", (300, 200)).save(path)
    size, huge = struct.pack(">HH", 200, 300), struct.pack(">HH", 65_000, 65_000)
    path.write_bytes(path.read_bytes().replace(size, huge))
    with pytest.raises(UnreadableMediaError, match="too large"):
        read_photo_header(path)


@pytest.mark.parametrize(("ending", "bits"), [("flac", 24), ("aiff", 24), ("ogg", None)])
def test_format_and_bits_of_a_recording_are_told(ending, bits, tmp_path):
    path = tmp_path / f"a.{ending}"
    soundfile.write(path, np.zeros((800, 2)), 8000, subtype="PCM_24" if bits else None)
    header = read_recording_header(path)
    assert (header.format, header.bits_per_sample, header.num_channels) == (ending.upper(), bits, 2)


def test_a_large_wav_has_its_length_in_another_chunk(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.zeros(8000), 8000, format="RF64")
    assert read_recording_header(path).is_complete
    path.write_bytes(path.read_bytes()[:-1000])
    header = read_recording_header(path)
    assert (header.announced_bytes, header.present_bytes) == (16_000, 15_000)
    assert not header.is_complete


def test_a_wav_of_unknown_length_and_one_cut_anywhere(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, np.ones(800), 8000)
    whole = path.read_bytes()
    at = whole.index(b"data") + 4
    for unknown in (0xFFFFFFFF, 0x7FFFFFFF):
        path.write_bytes(whole[:at] + struct.pack("<I", unknown) + whole[at + 4 :])
        assert read_recording_header(path).is_complete
    for length in (at + 4, 100, 1000):
        path.write_bytes(whole[:length])
        assert not read_recording_header(path).is_complete
    for length in range(1, at, 5):
        path.write_bytes(whole[:length])
        with pytest.raises(UnreadableMediaError, match="expected a recording, found"):
            read_recording_header(path)


@pytest.mark.parametrize(
    ("guano", "notes"),
    [
        ("GUANO|Version: 1\nWA|Song Meter|Serial: S4A1\n", {"serial": "S4A1"}),
        ("Timestamp: 2023-05-14T05:30:00+02:00", {"timestamp": "2023-05-14 05:30:00+02:00"}),
        ("Timestamp: 2023-05-14T05:30:00+99:00", {}),
        ("no colon", {}),
    ],
)
def test_guano_is_read_and_damaged_guano_is_no_error(guano, notes, tmp_path):
    soundfile.write(tmp_path / "a.wav", np.ones(800), 8000)
    content = guano.encode()
    with (tmp_path / "a.wav").open("ab") as file:
        file.write(b"guan" + struct.pack("<I", len(content)) + content)
    assert read_recording_header(tmp_path / "a.wav").notes == {"comment": ""} | notes
