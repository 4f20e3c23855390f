"""What a person confirmed goes into the catalogue: one animal, with its picture beside the catalogue."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from app.web.uploads import Upload
from media import PhotoBox
from media.atomic import write_atomically

if TYPE_CHECKING:
    from individuals import Catalogue
    from inference import Embeddings
    from inference.modalities import Modality

PICTURES = "{}-pictures"
FRAME = 0  # of a photo: two boxes in it are two animals


@dataclass(frozen=True)
class Confirmed:
    """What was asked about, and is now known.

    Attributes:
        embedding: [1, size].
        modality: of it.
        photo: upload, or None.
        recording: likewise.
        box: (left, top, width, height) in pixels of the photo; None for all of it.
        picture: JPEG of the animal, which is kept; None without a photo.
    """

    embedding: Embeddings
    modality: Modality
    photo: Upload | None
    recording: Upload | None
    box: PhotoBox | None
    picture: bytes | None


def confirm_sighting(
    catalogue: Catalogue,
    path: Path,
    confirmed: Confirmed,
    *,
    individual: str | None,
    name: str | None,
    by: str,
) -> str:
    """Adds the sighting to an individual, or makes a new one; returns its id.

    The media is named by its content, so that the same photo is the same media whenever it is sent: two
    boxes of one photo are two animals, which the catalogue never takes for one.

    Args:
        catalogue: the catalogue.
        path: of its file; pictures go into a folder beside it.
        confirmed: what was seen.
        individual: id of a known one; None makes a new one.
        name: of the new one, or None.
        by: who decided.
    Raises:
        ValueError: what `Catalogue.add` refuses, such as a name that is taken, or another encoder.
    """
    from individuals import SightingTable
    from individuals.catalogue import Decision
    from individuals.sighting import Sighting

    uploads = [one for one in (confirmed.photo, confirmed.recording) if one is not None]
    digest = hashlib.sha256(b"".join(one.path.read_bytes() for one in uploads)).hexdigest()[:16]
    media = f"{digest}/{uploads[0].shown_name}"
    box = None
    if confirmed.box is not None:
        left, top, width, height = confirmed.box
        box = (left, top, left + width, top + height)
    seen = confirmed.photo is not None
    sighting = Sighting(
        media=media,
        modality=confirmed.modality,
        box=box,
        frame_index=FRAME if seen else None,
        decided_by=by,
        crop=_keep(path, confirmed),
    )
    table = SightingTable((sighting,), confirmed.embedding)
    try:
        return catalogue.add(table, individual, name=name, decision=Decision(by))
    except KeyError as error:
        raise ValueError(str(error.args[0])) from error


def _keep(catalogue: Path, confirmed: Confirmed) -> str | None:
    if confirmed.picture is None:
        return None
    folder = catalogue.with_name(PICTURES.format(catalogue.name))
    folder.mkdir(exist_ok=True)
    file = folder / f"{hashlib.sha256(confirmed.picture).hexdigest()[:16]}.jpg"
    write_atomically(file, confirmed.picture)
    return str(file)
