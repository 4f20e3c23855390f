"""What was sent to be embedded: decoded in worker processes, then through the network with who else waits."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import File, UploadFile

from app.web.services import Services
from app.web.uploads import Upload
from media import PhotoBox

if TYPE_CHECKING:
    from inference import Embeddings
    from inference.modalities import Modality

PHOTO = "A photo (JPEG, PNG, WebP, TIFF, BMP, GIF)."
RECORDING = "A recording (WAV, FLAC, MP3, Ogg, M4A, WebM ...)."
Photo = Annotated[UploadFile | None, File(description=PHOTO)]
Recording = Annotated[UploadFile | None, File(description=RECORDING)]


@dataclass(frozen=True)
class Embedded:
    """An upload, or a photo and a recording together, with its embedding."""

    embedding: Embeddings  # [1, size]
    modality: Modality


async def embed_upload(
    state: Services,
    photo: Upload | None,
    recording: Upload | None,
    *,
    box: PhotoBox | None = None,
) -> Embedded:
    """The embedding of what was sent; of the photo, only what is in the box.

    Raises:
        UnreadableMediaError: a file cannot be used.
        ValueError: neither was sent, or the encoder was not trained on such files.
    """
    if photo is None and recording is None:
        raise ValueError("Expected a photo, a recording or both, received neither.")
    embedder = await state.work.run(lambda: state.workspace.embedder)
    pixels = await state.uploads.photo(photo.path, box) if photo else None
    waveform = None
    if recording:
        waveform = await state.uploads.waveform(
            recording.path,
            sample_rate_hz=embedder.settings.front_end.sample_rate_hz,
            seconds=embedder.max_seconds,
        )
    modality: Modality = "fused" if photo and recording else "image" if photo else "audio"
    return Embedded(await state.work.embed(pixels, waveform), modality)


def given(*files: UploadFile | None) -> list[UploadFile]:
    """Those that were sent."""
    return [file for file in files if file is not None]


def split(
    kept: Sequence[Upload], photo: UploadFile | None, recording: UploadFile | None
) -> tuple[Upload | None, Upload | None]:
    """The kept uploads of `given(photo, recording)`, each in its place."""
    left = list(kept)
    return (left.pop(0) if photo else None), (left.pop(0) if recording else None)


def json_object(name: str, text: str) -> dict[str, Any]:
    """The JSON object in a field of a form.

    Raises:
        ValueError: it is no JSON, or no object.
    """
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ValueError(
            f'Expected {name} as JSON such as {{"class": "wren"}}, received {text[:80]!r}.'
        )
    return found
