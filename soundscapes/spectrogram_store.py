"""Spectrograms made beforehand: those of whole recordings, each made once, ever, in one folder."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from media.atomic import write_text_atomically
from soundscapes.mel_settings import MelSettings
from triplets import FeatureStore, LabelledFiles, PreparedMedia, prepare_media

SETTINGS_FILE = "spectrograms.json"
_SCHEMA = 1


@dataclass(frozen=True, kw_only=True)
class StoredSpectrograms:
    """What a folder of spectrograms is made with.

    Args:
        settings: of the spectrograms.
        max_seconds: how much of each recording is heard, from its start, as in `SoundTraining`; None: all. A
            recording is held in memory while it is worked on.
    """

    settings: MelSettings = field(default_factory=MelSettings)
    max_seconds: float | None = 60.0


def make_spectrograms(
    files: LabelledFiles,
    folder: str | Path,
    made_with: StoredSpectrograms | None = None,
    *,
    progress: bool = True,
) -> PreparedMedia:
    """The mel spectrograms of recordings, those made that the folder does not hold yet.

    A run that was interrupted goes on where it stopped; a file that cannot be used is skipped and listed.
    Rows are kept as float16. `PreparedFile.feature()` maps them into memory, so that a clip is read at the
    price of a clip.

    Args:
        files: from `scan_folders`; photos are passed over.
        folder: where they are kept. `spectrograms.json` in it says what they are made with.
        made_with: default: what the folder says; of a new one the published settings.
        progress: whether to show a bar.

    Returns:
        `PreparedMedia`; `skipped` lists what could not be used.

    Raises:
        ValueError: the folder holds spectrograms made otherwise, or is damaged; or a band would hold no
            frequency.
        OSError: the disk is full or not writable.
    """
    from soundscapes.spectrogram import mel_front_end

    made_with = _agreed(Path(folder), made_with)
    front_end = mel_front_end(made_with.settings)
    told = json.dumps({"schema": _SCHEMA, **asdict(made_with)}, indent=1)
    write_text_atomically(Path(folder, SETTINGS_FILE), told + "\n")
    return prepare_media(
        replace(files, images=()),
        front_end,
        max_audio_seconds=made_with.max_seconds,
        store=FeatureStore(folder),
        progress=progress,
    )


def load_stored_spectrograms(folder: str | Path) -> StoredSpectrograms:
    """What a folder of spectrograms is made with.

    Raises:
        FileNotFoundError: it holds none.
        ValueError: what it says is damaged, or of a newer version.
    """
    file = Path(folder, SETTINGS_FILE)
    try:
        document = json.loads(file.read_text("utf-8"))
        if document.pop("schema") != _SCHEMA:
            raise ValueError("it is of another version")
        return StoredSpectrograms(**{**document, "settings": MelSettings(**document["settings"])})
    except FileNotFoundError:
        raise FileNotFoundError(
            f"There are no spectrograms in '{folder}' (no {SETTINGS_FILE}). Make them: "
            "`fused-encoder classify spectrograms`."
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"'{file}' does not say what the spectrograms are made with: {error}. Remove it, and make them "
            "again: those that are as they should be are kept."
        ) from error


@dataclass(frozen=True)
class SpectrogramTotals:
    """How much was made: recordings, hours of sound, bytes on the disk."""

    num_recordings: int
    hours: float
    num_bytes: int


def spectrogram_totals(prepared: PreparedMedia) -> SpectrogramTotals:
    """How much `make_spectrograms` gives; files of equal content count once for their bytes."""
    num_rows = sum(len(file.feature()) for file in prepared.recordings)
    places = {file.feature_path for file in prepared.recordings}
    return SpectrogramTotals(
        len(prepared.recordings),
        num_rows * prepared.front_end.hop_seconds / 3600,
        sum(place.stat().st_size for place in places),
    )


def _agreed(folder: Path, asked: StoredSpectrograms | None) -> StoredSpectrograms:
    if not (folder / SETTINGS_FILE).is_file():
        return asked or StoredSpectrograms()
    held = load_stored_spectrograms(folder)
    if asked in (None, held):
        return held
    theirs, ours = ({**asdict(m.settings), "max_seconds": m.max_seconds} for m in (held, asked))
    other = [f"{key} {theirs[key]} (now {ours[key]})" for key in ours if ours[key] != theirs[key]]
    raise ValueError(
        f"'{folder}' holds spectrograms made otherwise: {', '.join(other)}. Choose another folder, or the "
        "same settings."
    )
