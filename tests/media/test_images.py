"""Photos come back as they were saved, upright, in 8 bits; what is no whole photo is refused."""

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from media import UnreadableMediaError, load_image, resize_image, save_image
from media.images import BEHIND_TRANSPARENCY
from tests.bad_inputs.good_media import encoded_photo
from tests.bad_inputs.photo_kinds import png_chunk
from tests.fresh_process import printed_by

ORIENTATIONS = {  # EXIF orientation: what makes the stored picture upright
    1: lambda image: image,
    2: lambda image: image[:, ::-1],
    3: lambda image: image[::-1, ::-1],
    4: lambda image: image[::-1],
    5: lambda image: image.transpose(1, 0, 2),
    6: lambda image: np.rot90(image, -1),
    7: lambda image: np.rot90(image, 2).transpose(1, 0, 2),
    8: lambda image: np.rot90(image),
}
SMALLEST = (cv2.IMWRITE_JPEG_QUALITY, 1, cv2.IMWRITE_JPEG_OPTIMIZE, 1)


def exif(orientation):
    return b"II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)


def with_exif(content, exif_content):
    """A JPEG or PNG with an EXIF segment put in."""
    if content[:2] == b"\xff\xd8":
        segment = b"Exif\0\0" + exif_content
        start = content[:2] + b"\xff\xe1" + struct.pack(">H", len(segment) + 2)
        return start + segment + content[2:]
    return content[:33] + png_chunk(b"eXIf", exif_content) + content[33:]


@pytest.fixture
def loaded(tmp_path):
    """loaded(content) gives the pixels of a file of this content, whose name says nothing."""

    def load(content):
        (tmp_path / "photo.bin").write_bytes(content)
        return load_image(tmp_path / "photo.bin")

    return load


@pytest.mark.parametrize(
    ("extension", "tolerance"),
    [(".png", 0), (".bmp", 0), (".tiff", 0), (".jpg", 4), (".webp", 4), (".gif", 20)],
)
def test_every_format_comes_back_as_it_was(loaded, photo, extension, tolerance):
    image = loaded(encoded_photo(extension, photo))
    assert (image.shape, image.dtype) == (photo.shape, np.uint8)
    assert np.abs(image.astype(int) - photo).mean() <= tolerance


@pytest.mark.parametrize("extension", [".jpg", ".png", "alpha.png"])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_exif_orientation_turns_a_photo_upright(loaded, photo, orientation, extension):
    if extension == "alpha.png":
        photo = np.dstack([photo, np.full(photo.shape[:2], 255, np.uint8)])
        photo[:10, :5, 3] = 0
    content = encoded_photo(extension[-4:], photo)
    turned = loaded(with_exif(content, exif(orientation)))
    np.testing.assert_array_equal(turned, ORIENTATIONS[orientation](loaded(content)))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize(
    "content", [b"", b"no TIFF", exif(6)[:-9], exif(99), b"II*\0" + b"\xff" * 99]
)
def test_damaged_metadata_do_not_cost_the_picture(loaded, photo, content):
    jpeg = encoded_photo(".jpg", photo)
    np.testing.assert_array_equal(loaded(with_exif(jpeg, content)), loaded(jpeg))


def test_transparent_pixels_are_laid_on_middle_grey(loaded, photo):
    alpha = np.full(photo.shape[:2], 255, dtype=np.uint8)
    alpha[:, :20], alpha[:, 20:30] = 0, 51
    image = loaded(encoded_photo(".png", np.dstack([photo, alpha])))
    assert (image[:, :20] == BEHIND_TRANSPARENCY).all()
    partly = np.round(0.2 * photo[:, 20:30] + 0.8 * BEHIND_TRANSPARENCY)
    np.testing.assert_allclose(image[:, 20:30], partly, atol=1)
    np.testing.assert_array_equal(image[:, 30:], photo[:, 30:])


@pytest.mark.parametrize("channels", [slice(0, 3), slice(0, 1)])
@pytest.mark.parametrize("extension", [".png", ".tiff"])
def test_16_bits_are_scaled_and_grey_becomes_three_channels(loaded, photo, extension, channels):
    part = photo[..., channels]
    for pixels in (part, part.astype(np.uint16) * 257):
        image = loaded(encoded_photo(extension, pixels.squeeze()))
        np.testing.assert_array_equal(image, np.broadcast_to(part, photo.shape))


@pytest.mark.parametrize("is_progressive", [0, 1])
def test_a_truncated_jpeg_is_noticed_even_behind_a_whole_thumbnail(loaded, photo, is_progressive):
    large = cv2.resize(photo, (200, 150))
    jpeg = encoded_photo(".jpg", large, cv2.IMWRITE_JPEG_PROGRESSIVE, is_progressive)
    jpeg = with_exif(jpeg, encoded_photo(".jpg", photo))
    assert loaded(jpeg + b"trailing bytes of the camera").shape[0] == 150
    with pytest.raises(UnreadableMediaError, match="cut short"):
        loaded(jpeg[:-500] + bytes(500))


@pytest.mark.parametrize("is_progressive", [0, 1])
def test_a_jpeg_whose_height_is_damaged_is_refused(loaded, photo, is_progressive):
    options = (cv2.IMWRITE_JPEG_PROGRESSIVE, is_progressive)
    jpeg = bytearray(encoded_photo(".jpg", photo, *options))
    height = jpeg.index(b"\xff\xc2" if is_progressive else b"\xff\xc0") + 5
    jpeg[height : height + 2] = struct.pack(">H", 20_000)
    with pytest.raises(UnreadableMediaError, match="its end comes too early"):
        loaded(bytes(jpeg))
    emptiest = encoded_photo(".jpg", np.zeros((2000, 3000, 3), np.uint8), *SMALLEST, *options)
    assert loaded(emptiest).max() <= 1


@pytest.mark.parametrize(("num_bits", "colour_type", "num_channels"), [(8, 6, 4), (16, 2, 3)])
def test_a_large_photo_takes_little_more_than_its_size(
    tmp_path, num_bits, colour_type, num_channels
):
    side = 3000
    header = struct.pack(">IIBBBBB", side, side, num_bits, colour_type, 0, 0, 0)
    num_bytes = side * side * num_channels * num_bits // 8
    pixels = png_chunk(b"IDAT", zlib.compress(bytes(num_bytes + side), 1))
    start = b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header)
    (tmp_path / "large.png").write_bytes(start + pixels + png_chunk(b"IEND", b""))
    program = (
        "import resource, sys; from media import load_image\n"
        "def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak(); image = load_image(sys.argv[1]); print(peak() - before)"
    )
    assert int(printed_by(program, tmp_path / "large.png")) < 3.5 * num_bytes // 1024


def test_what_is_nowhere_or_cannot_be_read_is_refused(tmp_path, photo, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"absent.jpg' does not exist .* Check the path"):
        load_image(tmp_path / "absent.jpg")
    for path in (tmp_path, tmp_path / ("x" * 300 + ".jpg")):
        with pytest.raises(UnreadableMediaError):
            load_image(path)
    save_image(tmp_path / "locked.png", photo)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UnreadableMediaError, match="refused: Permission denied"):
        load_image(tmp_path / "locked.png")


@pytest.mark.parametrize("size", [(224, 224), (10, 80), (80, 10), (30, 40), (1, 1)])
def test_resizing_gives_the_size_asked_for_and_keeps_the_mean(photo, size):
    resized = resize_image(photo, size)
    assert resized.shape == (*size, 3)
    np.testing.assert_allclose(resized.mean((0, 1)), photo.mean((0, 1)), atol=2)
    checkerboard = np.indices((64, 64)).sum(0)[..., None].repeat(3, 2) % 2 * 255
    areas = resize_image(checkerboard.astype(np.uint8), (16, 16))
    assert set(np.unique(areas)) <= {127, 128}


def test_what_is_saved_loads_again(tmp_path, photo):
    save_image(tmp_path / "a.png", photo)
    save_image(tmp_path / "a.JPG", photo, jpeg_quality=95)
    np.testing.assert_array_equal(load_image(tmp_path / "a.png"), photo)
    assert np.abs(load_image(tmp_path / "a.JPG").astype(int) - photo).mean() < 4
    with pytest.raises(ValueError, match=r"ending with .jpg, .jpeg or .png"):
        save_image(tmp_path / "a.webp", photo)


def test_a_full_disk_leaves_the_old_image_and_nothing_half_written(tmp_path, photo, full_disk):
    save_image(tmp_path / "a.png", photo)
    noise = np.random.default_rng(0).integers(0, 255, (99, 99, 3), dtype=np.uint8)
    with full_disk(), pytest.raises(OSError, match="File too large"):
        save_image(tmp_path / "a.png", noise)
    np.testing.assert_array_equal(load_image(tmp_path / "a.png"), photo)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.data
def test_all_real_photos_load(data_dir):
    paths = sorted(data_dir.glob("**/*.jpg"))
    assert len(paths) > 1000
    for path in paths[::10]:
        assert load_image(path).min() < 255
