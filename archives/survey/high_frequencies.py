"""How much of a folder's sound lies above what YAMNet hears, 125 to 7,500 Hz: bats, some warblers."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from scipy.signal import welch
from tqdm.contrib.concurrent import thread_map

from archives.survey.records import SurveyedFile
from archives.survey.series import place_of
from media import load_waveform_with_notes
from media.errors import UnreadableMediaError

LOWEST_HEARD_HZ, HIGHEST_HEARD_HZ = 125.0, 7_500.0
_NUM_STRETCHES, _STRETCH_SECONDS = 3, 10.0
_NUM_FILES_PER_FOLDER = 20
_SEGMENT_SECONDS = 0.05


@dataclass(frozen=True)
class UnheardShare:
    """What YAMNet does not hear of the recordings in one folder.

    Attributes:
        folder: of the recordings; folders that are merely named by a date are not counted.
        num_files: that were listened to.
        mean_share: of the energy above 125 Hz, that lies above 7,500 Hz; 0 to 1, each stretch counting alike.
        highest_share: of one file.
        lowest_rate_hz: of the recordings in the folder: below 16,000 there is nothing above half of it.
        highest_rate_hz: of the recordings in the folder.
    """

    folder: Path
    num_files: int
    mean_share: float
    highest_share: float
    lowest_rate_hz: int
    highest_rate_hz: int


def unheard_shares(
    files: Sequence[SurveyedFile], *, seed: int = 0, progress: bool = False
) -> tuple[UnheardShare, ...]:
    """The share for each folder with recordings, from a sample of them that the seed draws.

    Of at most 20 files per folder, three stretches of 10 s at drawn places are decoded at the source's own
    rate. Silent stretches and files that cannot be decoded count for nothing.
    """
    folders: dict[Path, list[SurveyedFile]] = defaultdict(list)
    for file in files:
        if file.kind == "recording" and file.is_usable and file.header.sample_rate_hz:
            folders[place_of(file.path)].append(file)
    draw = random.Random(seed)
    samples = {
        folder: draw.sample(there, min(len(there), _NUM_FILES_PER_FOLDER))
        for folder, there in folders.items()
    }
    chosen = [file for sample in samples.values() for file in sample]
    listen = partial(_shares_of_stretches, seed=seed)
    bar = {"desc": "listening", "unit": "file", "disable": not progress, "leave": False}
    paths = [file.path for file in chosen]
    shares = dict(zip(paths, thread_map(listen, chosen, **bar), strict=True))
    results = []
    for folder, sample in samples.items():
        rates = [file.header.sample_rate_hz or 0 for file in folders[folder]]
        if heard := [shares[file.path] for file in sample if shares[file.path]]:
            mean, highest = np.mean(np.concatenate(heard)), max(map(np.mean, heard))
            results.append(
                UnheardShare(
                    folder, len(heard), float(mean), float(highest), min(rates), max(rates)
                )
            )
    return tuple(results)


def _shares_of_stretches(file: SurveyedFile, seed: int) -> list[float]:
    draw = random.Random(f"{seed} {file.path.name}")
    rate = file.header.sample_rate_hz or 0
    room = (file.header.duration_seconds or 0.0) - _STRETCH_SECONDS
    places = [draw.uniform(0, room) for _ in range(_NUM_STRETCHES)] if room > 0 else [0.0]
    if file.header.bits_per_sample is None:  # lossy formats may have to be decoded up to the place
        places = [min(places)]
    shares = []
    for place in places:
        try:
            waveform, _ = load_waveform_with_notes(
                file.path,
                sample_rate_hz=rate,
                offset_seconds=place,
                max_seconds=_STRETCH_SECONDS,
            )
        except (UnreadableMediaError, OSError):  # `deep` tells of damage
            continue
        share = unheard_share(waveform, rate)
        if share is not None:
            shares.append(share)
    return shares


def unheard_share(waveform: np.ndarray, sample_rate_hz: int) -> float | None:
    """How much of the energy above 125 Hz lies above 7,500 Hz, by Welch's method, in [0, 1].

    None where there is no sound, or less than one window of 50 ms of the waveform, float32 [num_samples].
    """
    size = round(_SEGMENT_SECONDS * sample_rate_hz)
    if len(waveform) < size or size < 2:
        return None
    frequencies, power = welch(waveform, sample_rate_hz, nperseg=size)
    total = float(power[frequencies >= LOWEST_HEARD_HZ].sum())
    return float(power[frequencies > HIGHEST_HEARD_HZ].sum()) / total if total > 0 else None
