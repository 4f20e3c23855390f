import pickle
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from media import UnreadableMediaError, load_image, resize_image, save_image
from media.images import BEHIND_TRANSPARENCY

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


def encode(extension: str, image: np.ndarray, *options: int) -> bytes:
    """RGB or RGBA or grey to a file's bytes, losslessly where the format can."""
    if image.ndim == 3:
        order = cv2.COLOR_RGB2BGR if image.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
        image = cv2.cvtColor(image, order)
    return cv2.imencode(extension, image, options)[1].tobytes()


def png_chunk(kind: bytes, content: bytes) -> bytes:
    crc = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc)


def exif(orientation: int) -> bytes:
    return b"II*\0\x08\0\0\0" + struct.pack("<HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)


def with_exif_in_png(png: bytes, orientation: int) -> bytes:
    return png[:33] + png_chunk(b"eXIf", exif(orientation)) + png[33:]


def with_exif_in_jpeg(jpeg: bytes, orientation: int) -> bytes:
    content = b"Exif\0\0" + exif(orientation)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content + jpeg[2:]


def enormous_png(side: int) -> bytes:
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    pixels = png_chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + png_chunk(b"IHDR", header) + pixels + png_chunk(b"IEND", b"")


@pytest.fixture
def file(tmp_path: Path) -> Callable[[str, bytes], Path]:
    def write(name: str, content: bytes) -> Path:
        (tmp_path / name).write_bytes(content)
        return tmp_path / name

    return write


@pytest.mark.parametrize("extension", [".png", ".bmp", ".tiff"])
def test_lossless_formats_come_back_as_they_were(
    file: Callable, photo: np.ndarray, extension: str
) -> None:
    np.testing.assert_array_equal(
        load_image(file("a" + extension, encode(extension, photo))), photo
    )


@pytest.mark.parametrize(("extension", "tolerance"), [(".jpg", 4), (".webp", 4), (".gif", 20)])
def test_lossy_formats_come_back_about_as_they_were(
    file: Callable, photo: np.ndarray, extension: str, tolerance: float
) -> None:
    loaded = load_image(file("a" + extension, encode(extension, photo)))
    assert loaded.shape == photo.shape
    assert np.abs(loaded.astype(int) - photo).mean() < tolerance


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_exif_orientation_turns_a_jpeg_upright(
    file: Callable, photo: np.ndarray, orientation: int
) -> None:
    jpeg = encode(".jpg", photo)
    plain = load_image(file("plain.jpg", jpeg))
    turned = load_image(file("turned.jpg", with_exif_in_jpeg(jpeg, orientation)))
    np.testing.assert_array_equal(turned, ORIENTATIONS[orientation](plain))


@pytest.mark.parametrize("has_alpha", [False, True])
@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_exif_orientation_turns_a_png_upright_with_and_without_transparency(
    file: Callable, photo: np.ndarray, orientation: int, has_alpha: bool
) -> None:
    if has_alpha:
        photo = np.dstack([photo, np.full(photo.shape[:2], 255, np.uint8)])
        photo[:10, :5, 3] = 0
    png = encode(".png", photo)
    plain = load_image(file("plain.png", png))
    turned = load_image(file("turned.png", with_exif_in_png(png, orientation)))
    np.testing.assert_array_equal(turned, ORIENTATIONS[orientation](plain))


def test_grey_becomes_three_equal_channels(file: Callable, photo: np.ndarray) -> None:
    loaded = load_image(file("grey.png", encode(".png", photo[..., 0])))
    np.testing.assert_array_equal(loaded, np.repeat(photo[..., :1], 3, axis=2))


def test_transparent_pixels_are_laid_on_middle_grey(file: Callable, photo: np.ndarray) -> None:
    alpha = np.full(photo.shape[:2], 255, dtype=np.uint8)
    alpha[:, :20], alpha[:, 20:30] = 0, 51
    loaded = load_image(file("a.png", encode(".png", np.dstack([photo, alpha]))))
    assert (loaded[:, :20] == BEHIND_TRANSPARENCY).all()
    partly = np.round(0.2 * photo[:, 20:30] + 0.8 * BEHIND_TRANSPARENCY)
    np.testing.assert_allclose(loaded[:, 20:30], partly, atol=1)
    np.testing.assert_array_equal(loaded[:, 30:], photo[:, 30:])


@pytest.mark.parametrize("extension", [".png", ".tiff"])
def test_16_bits_are_scaled_and_not_truncated(
    file: Callable, photo: np.ndarray, extension: str
) -> None:
    deep = photo.astype(np.uint16) * 257
    np.testing.assert_array_equal(
        load_image(file("deep" + extension, encode(extension, deep))), photo
    )


def test_a_cmyk_jpeg_shows_its_colours(tmp_path: Path, photo: np.ndarray) -> None:
    pillow = pytest.importorskip("PIL.Image")
    pillow.fromarray(photo).convert("CMYK").save(tmp_path / "cmyk.jpg", quality=95)
    loaded = load_image(tmp_path / "cmyk.jpg")
    assert np.abs(loaded.astype(int) - photo).mean() < 6


def test_of_an_animation_the_first_picture_is_taken(tmp_path: Path, photo: np.ndarray) -> None:
    pillow = pytest.importorskip("PIL.Image")
    pictures = [pillow.fromarray(photo), pillow.fromarray(255 - photo)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:])
    assert np.abs(load_image(tmp_path / "a.gif").astype(int) - photo).mean() < 12


def test_float_pixels_are_refused_because_their_range_is_unknown(
    file: Callable, photo: np.ndarray
) -> None:
    path = file("float.tiff", encode(".tiff", photo[..., 0].astype(np.float32)))
    with pytest.raises(UnreadableMediaError, match="found floats, whose range is not defined"):
        load_image(path)


def test_content_counts_and_not_the_name(file: Callable, photo: np.ndarray) -> None:
    np.testing.assert_array_equal(load_image(file("png.jpg", encode(".png", photo))), photo)


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"this is a text, not a photo\n", r"text \('this is a text"),
        (b"<!DOCTYPE html><html>not found</html>", "text"),
        (b"ID3\x04\x00\x00" + bytes(500), "an MP3 recording"),
        (bytes(5000), "nothing but zero bytes"),
        (b"\x9e\x02\xff\x17" * 99, "unknown content"),
    ],
)
def test_what_is_no_image_is_refused_and_named(file: Callable, content: bytes, found: str) -> None:
    with pytest.raises(UnreadableMediaError, match=f"expected an image .*, found {found}"):
        load_image(file("bird.jpg", content))


def test_an_empty_file_is_refused(file: Callable) -> None:
    with pytest.raises(UnreadableMediaError, match="empty \\(0 bytes\\)") as raised:
        load_image(file("empty.jpg", b""))
    assert raised.value.path.name == "empty.jpg"


@pytest.mark.parametrize("extension", [".jpg", ".png", ".bmp", ".tiff", ".webp", ".gif"])
@pytest.mark.parametrize("kept", [0.05, 0.5, 0.95])
def test_a_truncated_image_is_refused(
    file: Callable, photo: np.ndarray, extension: str, kept: float
) -> None:
    content = encode(extension, cv2.resize(photo, (200, 150)))
    with pytest.raises(UnreadableMediaError):
        load_image(file("cut" + extension, content[: int(kept * len(content))]))


@pytest.mark.parametrize("is_progressive", [0, 1])
def test_a_truncated_jpeg_is_noticed_even_behind_a_whole_thumbnail(
    file: Callable, photo: np.ndarray, is_progressive: int
) -> None:
    jpeg = encode(
        ".jpg", cv2.resize(photo, (200, 150)), cv2.IMWRITE_JPEG_PROGRESSIVE, is_progressive
    )
    thumbnail = b"Exif\0\0" + encode(".jpg", photo)
    jpeg = jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 2) + thumbnail + jpeg[2:]
    assert load_image(file("whole.jpg", jpeg + b"trailing bytes of the camera")).shape[0] == 150
    with pytest.raises(UnreadableMediaError, match="cut short"):
        load_image(file("cut.jpg", jpeg[:-500] + bytes(500)))


@pytest.mark.parametrize("side", [20_000, 100_000])
def test_an_image_of_absurd_size_is_refused_before_it_is_decoded(file: Callable, side: int) -> None:
    with pytest.raises(UnreadableMediaError, match=f"Image size .{side**2} pixels. exceeds"):
        load_image(file("bomb.png", enormous_png(side)))


@pytest.mark.parametrize(
    "name", ["Gruña – 山雀 🐦.png", "x" * 240 + ".png", "two  spaces .png", "#%s{0}.png"]
)
def test_any_name_will_do(file: Callable, photo: np.ndarray, name: str) -> None:
    np.testing.assert_array_equal(load_image(file(name, encode(".png", photo))), photo)


def test_a_path_that_does_not_exist_is_the_callers_mistake(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent.jpg' does not exist .* Check the path"):
        load_image(tmp_path / "absent.jpg")


def test_folders_link_loops_too_long_names_and_locked_files_are_refused(
    tmp_path: Path, photo: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    for path in (tmp_path, tmp_path / "loop.jpg", tmp_path / ("x" * 300 + ".jpg")):
        with pytest.raises(UnreadableMediaError):
            load_image(path)
    save_image(tmp_path / "locked.png", photo)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(UnreadableMediaError, match="refused: Permission denied"):
        load_image(tmp_path / "locked.png")


def test_the_error_survives_a_worker_process() -> None:
    error = pickle.loads(pickle.dumps(UnreadableMediaError("a.jpg", "expected x, found y.")))
    assert (error.path, error.reason) == (Path("a.jpg"), "expected x, found y.")
    assert str(error) == "Cannot read 'a.jpg': expected x, found y."


@pytest.mark.parametrize("extension", [".png", ".jpg"])
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_flipped_bytes_give_an_image_or_a_refusal_and_nothing_else(
    file: Callable, photo: np.ndarray, extension: str, data: st.DataObject
) -> None:
    content = bytearray(encode(extension, photo))
    places = st.integers(0, len(content) - 1)
    flips = data.draw(st.lists(st.tuples(places, st.integers(0, 255)), min_size=1, max_size=8))
    for place, value in flips:
        content[place] = value
    try:
        image = load_image(file("fuzz" + extension, bytes(content)))
    except UnreadableMediaError:
        return
    assert (image.dtype, image.ndim, image.shape[2]) == (np.uint8, 3, 3)


@pytest.mark.parametrize("size", [(224, 224), (10, 80), (80, 10), (30, 40), (1, 1)])
def test_resizing_gives_the_size_asked_for_and_keeps_the_mean(
    photo: np.ndarray, size: tuple[int, int]
) -> None:
    resized = resize_image(photo, size)
    assert resized.shape == (*size, 3)
    np.testing.assert_allclose(resized.mean((0, 1)), photo.mean((0, 1)), atol=2)


def test_shrinking_averages_over_areas() -> None:
    checkerboard = np.indices((64, 64)).sum(0)[..., None].repeat(3, 2) % 2 * 255
    assert set(np.unique(resize_image(checkerboard.astype(np.uint8), (16, 16)))) <= {127, 128}


def test_resizing_refuses_what_is_no_image(photo: np.ndarray) -> None:
    with pytest.raises(
        ValueError, match=r"uint8 \[height, width, 3\], received float64 \[30, 40, 3\]"
    ):
        resize_image(photo / 255)
    with pytest.raises(ValueError, match="received \\(0, 5\\)"):
        resize_image(photo, (0, 5))


def test_what_is_saved_loads_again(tmp_path: Path, photo: np.ndarray) -> None:
    save_image(tmp_path / "a.png", photo)
    save_image(tmp_path / "a.JPG", photo, jpeg_quality=95)
    np.testing.assert_array_equal(load_image(tmp_path / "a.png"), photo)
    assert np.abs(load_image(tmp_path / "a.JPG").astype(int) - photo).mean() < 4
    with pytest.raises(ValueError, match=r"ending with .jpg, .jpeg or .png"):
        save_image(tmp_path / "a.webp", photo)


def test_a_full_disk_leaves_the_old_image_and_nothing_half_written(
    tmp_path: Path, photo: np.ndarray, full_disk: Callable
) -> None:
    save_image(tmp_path / "a.png", photo)
    noise = np.random.default_rng(0).integers(0, 255, (99, 99, 3), dtype=np.uint8)
    with full_disk(), pytest.raises(OSError, match="File too large"):
        save_image(tmp_path / "a.png", noise)
    np.testing.assert_array_equal(load_image(tmp_path / "a.png"), photo)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.data
def test_all_real_photos_load(data_dir: Path) -> None:
    paths = sorted(data_dir.glob("**/*.jpg"))
    assert len(paths) > 1000
    for path in paths[::10]:
        assert load_image(path).min() < 255
