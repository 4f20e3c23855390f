"""Uploads: kept under random names, decoded in worker processes, deleted after a set time."""

from __future__ import annotations

import asyncio
import fcntl
import shutil
import tempfile
import time
import unicodedata
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from uuid import uuid4

from fastapi import HTTPException, UploadFile

from app.web.busy import BusyError
from app.web.decode import (
    LengthTask,
    PhotoTask,
    ShapeTask,
    SizeTask,
    SoundTask,
    Task,
    TileTask,
    work,
)
from app.web.decoders import Decoders
from app.web.settings import Limits
from app.web.spectrogram_tiles import SpectrogramShape
from app.web.unpack import UnpackTask
from media import PhotoBox, UnreadableMediaError
from media.files import describe_content, read_head
from media.headers import content_kind

if TYPE_CHECKING:
    import numpy as np

PREFIX, LOCK = "fused-encoder-uploads-", ".lock"
_LONGEST_NAME = 120


@dataclass(frozen=True)
class Upload:
    """A file that somebody sent.

    Attributes:
        name: random; what a URL holds, and the name of its file.
        shown_name: what the sender called it; to be shown, never used as a path.
        kind: "photo", "recording", "video", "zip" or "other", by content.
        path: of its file.
        num_bytes: its size.
        expires_at: on the clock of `time.monotonic`.
    """

    name: str
    shown_name: str
    kind: str
    path: Path
    num_bytes: int
    expires_at: float


class Uploads:
    """The files that were sent, in a folder that nobody else reads.

    What a killed service left behind is deleted by the next one.

    Args:
        limits: of requests.
        num_decoders: worker processes.
        parent: folder for the folder; default: that for temporary files.
    """

    def __init__(
        self, limits: Limits, *, num_decoders: int = 2, parent: str | Path | None = None
    ) -> None:
        self.limits = limits
        _delete_left_behind(Path(parent or tempfile.gettempdir()))
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        self._lock = _locked(self.folder / LOCK, "x")
        self._kept: dict[str, Upload] = {}
        self._num_coming_bytes = 0
        self._decoders = Decoders(
            work, num_workers=num_decoders, time_limit_seconds=limits.decode_seconds
        )

    @property
    def num_bytes(self) -> int:
        """Of all that is kept, or on its way."""
        return self._num_coming_bytes + sum(upload.num_bytes for upload in self._kept.values())

    def __len__(self) -> int:
        return len(self._kept)

    async def keep(self, file: UploadFile) -> Upload:
        """Copies what was sent into the folder, under a random name.

        Raises:
            BusyError: too much is kept already.
            UnreadableMediaError: the file is empty.
        """
        name, size = uuid4().hex, file.size or 0
        if self.num_bytes + size > self.limits.kept_bytes:
            raise BusyError("Too many uploads are kept at the moment.", retry_after_seconds=60)
        self._num_coming_bytes += size
        try:
            await asyncio.to_thread(_save, file, self.folder / name)
        except BaseException:
            (self.folder / name).unlink(missing_ok=True)
            raise
        finally:
            self._num_coming_bytes -= size
        return self._remember(name, file.filename or "")

    async def unpack(self, upload: Upload) -> list[Upload]:
        """The files of a zip, each an upload of its own.

        Raises:
            UnreadableMediaError: damaged, too many files, too large unpacked, or with names that lead out.
            BusyError: too much is kept already.
        """
        most = min(self.limits.unpacked_bytes, self.limits.kept_bytes - self.num_bytes)
        if most <= 0:
            raise BusyError("Too many uploads are kept at the moment.", retry_after_seconds=60)
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        task = UnpackTask(upload.path, folder, self.limits.files, most)
        try:
            unpacked = await self._decoders.messages(task)
            return [self._adopt(folder / own, shown) for shown, own in unpacked]
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def get(self, name: str) -> Upload:
        """The upload of this name; HTTPException 404 where it is gone."""
        self.delete_old()
        if name not in self._kept:
            raise HTTPException(404, "This upload is gone: uploads are deleted after a while.")
        return self._kept[name]

    def delete(self, uploads: Sequence[Upload]) -> None:
        """Deletes files now."""
        for upload in uploads:
            self._kept.pop(upload.name, None)
            upload.path.unlink(missing_ok=True)

    def delete_old(self) -> None:
        """Deletes what has been kept for long enough."""
        now = time.monotonic()
        self.delete([upload for upload in self._kept.values() if upload.expires_at <= now])

    @asynccontextmanager
    async def for_one_request(self, files: Sequence[UploadFile]) -> AsyncIterator[list[Upload]]:
        """The files of a request, deleted when it is answered.

        Raises:
            UnreadableMediaError: one of them is empty.
            HTTPException: 413, there are too many.
        """
        if len(files) > self.limits.files:
            raise HTTPException(
                413, f"{len(files)} files in one request, at most {self.limits.files} are taken."
            )
        kept: list[Upload] = []
        try:
            for file in files:
                kept.append(await self.keep(file))
            yield kept
        finally:
            self.delete(kept)

    async def photo(self, path: Path, box: PhotoBox | None = None) -> np.ndarray:
        """A photo as the encoder sees it, uint8 [224, 224, 3]; UnreadableMediaError if it cannot be used."""
        return await self._decode(PhotoTask(path, self.limits.pixels, box))

    async def pixels(
        self, path: Path, *, box: PhotoBox | None = None, longest_side: int = 1600
    ) -> np.ndarray:
        """A photo for eyes, uint8 [height, width, 3], RGB; raises as `photo`."""
        return await self._decode(PhotoTask(path, self.limits.pixels, box, longest_side))

    async def picture(
        self, path: Path, *, box: PhotoBox | None = None, longest_side: int = 512
    ) -> bytes:
        """A photo for a page, as JPEG; raises as `photo`."""
        task = PhotoTask(path, self.limits.pixels, box, longest_side, as_jpeg=True)
        return await self._decode(task)

    async def waveform(
        self, path: Path, *, sample_rate_hz: int, seconds: float, start_seconds: float = 0.0
    ) -> np.ndarray:
        """A stretch of a recording, float32 [num_samples], mono; at most `limits.seconds` of it.

        Raises:
            UnreadableMediaError: it is no recording, or there is no sound at that time.
        """
        most = min(seconds, self.limits.seconds)
        return await self._decode(SoundTask(path, sample_rate_hz, start_seconds, most))

    async def length(self, path: Path) -> tuple[int, float | None]:
        """Sample rate in Hz and length in seconds of a recording; None where it does not tell."""
        return await self._decode(LengthTask(path))

    async def size(self, path: Path) -> tuple[int, int]:
        """Width and height of a photo in pixels; UnreadableMediaError where it is none."""
        return await self._decode(SizeTask(path))

    async def spectrogram_shape(self, path: Path) -> SpectrogramShape:
        """How large a recording's spectrogram is; UnreadableMediaError where it cannot be told."""
        return await self._decode(ShapeTask(path))

    async def spectrogram_tile(
        self, path: Path, shape: SpectrogramShape, zoom: int, number: int
    ) -> bytes:
        """A tile of a recording's spectrogram, row by row; raises as `waveform`."""
        return await self._decode(TileTask(path, shape, zoom, number))

    def close(self) -> None:
        """Ends the processes and deletes all files."""
        self._decoders.close()
        self._kept.clear()
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.close()

    async def _decode(self, task: Task) -> Any:
        return await self._decoders.one(task)

    def _adopt(self, unpacked: Path, shown_name: str) -> Upload:
        name = uuid4().hex
        unpacked.rename(self.folder / name)
        return self._remember(name, shown_name)

    def _remember(self, name: str, shown_name: str) -> Upload:
        path = self.folder / name
        expires_at = time.monotonic() + self.limits.upload_lifetime_seconds
        try:
            kind = _kind(path)
        except UnreadableMediaError:
            path.unlink(missing_ok=True)
            raise
        size = path.stat().st_size
        upload = Upload(name, printable_name(shown_name), kind, path, size, expires_at)
        self._kept[name] = upload
        return upload


def printable_name(name: str) -> str:
    """A file's own name without folders, control characters and marks that turn the text around."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    shown = "".join(c for c in last if unicodedata.category(c)[0] != "C")
    return shown[-_LONGEST_NAME:] or "without a name"


def _kind(path: Path) -> str:
    head = read_head(path)
    if describe_content(head) == "a ZIP archive":
        return "zip"
    return content_kind(head) or "other"


def _save(file: UploadFile, target: Path) -> None:
    file.file.seek(0)
    with target.open("xb") as copy:
        shutil.copyfileobj(file.file, copy, 1 << 20)


def _locked(path: Path, mode: str = "r") -> IO[str]:
    """The file, which no other process has locked; OSError where one has."""
    lock = path.open(mode)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise
    return lock


def _delete_left_behind(parent: Path) -> None:
    """Folders of services that were killed: their lock is free."""
    for folder in parent.glob(f"{PREFIX}*"):
        with suppress(OSError), _locked(folder / LOCK):
            shutil.rmtree(folder, ignore_errors=True)
