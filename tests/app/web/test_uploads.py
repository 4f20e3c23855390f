"""Uploads: random names, limits, crashes that cost one file, zips that may not do what they like, an end."""

import asyncio
import io
import os
import shutil
import signal
import stat
import time
import zipfile

import numpy as np
import pytest
from fastapi import HTTPException, UploadFile

from app.web.busy import BusyError
from app.web.decode import PhotoTask, decode
from app.web.decoders import Decoders
from app.web.settings import Limits
from app.web.uploads import Uploads, printable_name
from media import UnreadableMediaError, save_image


def sent(content: bytes, name: str = "who.jpg") -> UploadFile:
    return UploadFile(io.BytesIO(content), filename=name, size=len(content))


@pytest.fixture
def uploads(tmp_path):
    made = []

    def make(**limits) -> Uploads:
        made.append(Uploads(Limits(**limits), num_decoders=1, parent=tmp_path))
        return made[-1]

    yield make
    for one in made:
        one.close()


def zipped(*entries: tuple[str, bytes], method=zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return file.getvalue()


@pytest.mark.parametrize(
    "name", ["../../etc/passwd", "C:\\windows\\who.jpg", "/root/.ssh/key", "\u202egpj.exe", ""]
)
def test_a_name_is_shown_and_never_a_path(uploads, photos, name):
    keeper = uploads()
    upload = asyncio.run(keeper.keep(sent(photos[0].read_bytes(), name)))
    assert upload.path.parent == keeper.folder
    assert upload.path.name == upload.name
    assert not {"/", "\\", "\u202e", ".."} & {*upload.shown_name}
    assert stat.S_IMODE(keeper.folder.stat().st_mode) == 0o700
    assert upload.kind == "photo"


def test_names_keep_their_script_and_lose_what_cannot_be_seen():
    assert printable_name("鳥/レン \x00\x1b[31m.jpg") == "レン [31m.jpg"
    assert len(printable_name("x" * 5000)) == 120


def test_uploads_end_after_their_time_and_with_the_service(uploads, photos):
    keeper = uploads(upload_lifetime_seconds=0.05)
    upload = asyncio.run(keeper.keep(sent(photos[0].read_bytes())))
    assert keeper.get(upload.name) is upload
    time.sleep(0.06)
    with pytest.raises(HTTPException) as refusal:
        keeper.get(upload.name)
    assert refusal.value.status_code == 404
    assert not upload.path.exists()
    keeper.close()
    assert not keeper.folder.exists()


def test_what_a_killed_service_left_is_deleted_by_the_next_one_and_a_living_one_is_not(
    uploads, tmp_path
):
    killed, alive = tmp_path / "fused-encoder-uploads-killed", uploads()
    shutil.copytree(alive.folder, killed)
    (killed / "photo").write_bytes(b"left")
    uploads()
    assert not killed.exists()
    assert alive.folder.exists()


def test_no_more_is_kept_than_there_is_room_for(uploads, photos):
    size = len(photos[0].read_bytes())
    keeper = uploads(kept_bytes=size + 10)
    asyncio.run(keeper.keep(sent(photos[0].read_bytes())))
    with pytest.raises(BusyError):
        asyncio.run(keeper.keep(sent(photos[0].read_bytes())))
    assert keeper.num_bytes == size


def test_a_photo_of_too_many_pixels_is_refused_before_it_is_decoded(uploads, tmp_path):
    save_image(tmp_path / "large.png", np.zeros((900, 1200, 3), np.uint8))
    keeper = uploads(pixels=1_000_000)
    with pytest.raises(UnreadableMediaError, match="1200 x 900"):
        asyncio.run(keeper.picture(tmp_path / "large.png"))


def test_no_more_seconds_are_decoded_than_the_limit(uploads, recordings):
    keeper = uploads(seconds=0.5)
    waveform = asyncio.run(
        keeper.waveform(recordings[0], sample_rate_hz=8000, seconds=100, start_seconds=0.25)
    )
    assert waveform.shape == (4000,)


def die_or_decode(task):
    """A decoder that the file "killer" kills, as a fault in a C library does; "hang" makes it hang."""
    content = task.path.read_bytes()
    if content == b"killer":
        os.kill(os.getpid(), signal.SIGSEGV)
    if content == b"hang":
        time.sleep(100)
    yield from decode(task)


def test_a_file_that_kills_or_hangs_its_decoder_costs_itself_alone(tmp_path, photos):
    for name in ("killer", "hang"):
        (tmp_path / name).write_bytes(name.encode())
    decoders = Decoders(die_or_decode, num_workers=1, time_limit_seconds=1.0)

    async def all_three():
        tasks = [PhotoTask(p, 10**8) for p in (tmp_path / "killer", tmp_path / "hang", photos[0])]
        return await asyncio.gather(*map(decoders.one, tasks), return_exceptions=True)

    killed, hung, photo = asyncio.run(all_three())
    decoders.close()
    assert "SIGSEGV" in str(killed)
    assert "gave nothing for 1 s" in str(hung)
    assert photo.shape == (224, 224, 3)


def test_a_zip_gives_its_files_under_names_of_our_own(uploads, photos, recordings):
    keeper = uploads()
    content = zipped(
        ("north/wren.jpg", photos[0].read_bytes()),
        ("north/", b""),
        ("call.flac", recordings[0].read_bytes()),
    )

    async def unpacked():
        upload = await keeper.keep(sent(content, "all.zip"))
        return upload, await keeper.unpack(upload)

    upload, files = asyncio.run(unpacked())
    assert upload.kind == "zip"
    assert [(one.shown_name, one.kind) for one in files] == [
        ("wren.jpg", "photo"),
        ("call.flac", "recording"),
    ]
    assert all(one.path == keeper.folder / one.name for one in files)
    assert len(keeper) == 3


def _lying(content: bytes) -> bytes:
    """A zip that says of its files that they are one byte long."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        size = archive.infolist()[0].file_size.to_bytes(4, "little")
    return content.replace(size, (1).to_bytes(4, "little"))


def _link() -> bytes:
    entry = zipfile.ZipInfo("link")
    entry.external_attr = (stat.S_IFLNK | 0o777) << 16
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(entry, "/etc/passwd")
    return file.getvalue()


BOMB = zipped(("zeros", b"\0" * 3_000_000))
HOSTILE = {
    "a bomb": (BOMB, "unpacks to"),
    "a bomb that lies about its size": (_lying(BOMB), "unpacks to|damaged"),
    "too many files": (zipped(*((str(n), b"x") for n in range(30))), "30 files"),
    "a way out": (zipped(("../out", b"x")), "leads out"),
    "a way out on Windows": (zipped(("a\\..\\..\\out", b"x")), "leads out"),
    "the root": (zipped(("/etc/passwd", b"x")), "leads out"),
    "a link": (_link(), "is a link"),
    "another method": (zipped(("x", b"x"), method=zipfile.ZIP_LZMA), "another method"),
    "a torn zip": (BOMB[: len(BOMB) // 2], "damaged"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_zip_is_refused_whole_and_leaves_nothing(uploads, tmp_path, kind):
    content, reason = HOSTILE[kind]
    keeper = uploads(unpacked_bytes=1_000_000, files=20)

    async def unpacked():
        await keeper.unpack(await keeper.keep(sent(content, "all.zip")))

    with pytest.raises(UnreadableMediaError, match=reason):
        asyncio.run(unpacked())
    assert len(keeper) == 1
    assert len([*keeper.folder.rglob("*")]) == 2  # the zip itself and the lock
    assert not (tmp_path / "out").exists()
