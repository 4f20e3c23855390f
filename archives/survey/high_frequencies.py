"""How much of a folder's sound lies above what YAMNet hears, 125 to 7,500 Hz: bats, some warblers."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from archives.survey.records import NOTHING_TO_HEAR, SurveyedFile
from archives.survey.series import place_of
from media.audio import load_waveform_with_notes
from media.errors import UnreadableMediaError

LOWEST_HEARD_HZ, HIGHEST_HEARD_HZ = 125.0, 7_500.0
NUM_STRETCHES, STRETCH_SECONDS = 3, 10.0
NUM_FILES_PER_FOLDER = 20
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
    files: Sequence[SurveyedFile],
    *,
    seed: int = 0,
    executor: Executor,
    on_file: Callable[[], object] = lambda: None,
) -> tuple[UnheardShare, ...]:
    """The share for each folder with recordings, from a sample of them.

    Of at most 20 files per folder, drawn by the seed, three stretches of 10 s at drawn places are decoded at
    the source's own rate. Silent stretches and files that cannot be decoded count for nothing.

    Args:
        files: of any kind.
        seed: the same files and seed, the same sample.
        executor: where files are decoded.
        on_file: called after each file.
    """
    folders = sampled_files(files, seed)
    sampled = [file for chosen in folders.values() for file in chosen]
    shares: dict[Path, list[float]] = {}
    for file, found in zip(
        sampled, executor.map(lambda file: file_shares(file, seed), sampled), strict=True
    ):
        shares[file.path] = found
        on_file()
    rates: dict[Path, list[int]] = defaultdict(list)
    for file in files:
        if _has_sound(file) and file.sample_rate_hz:
            rates[place_of(file.path)].append(file.sample_rate_hz)
    results = []
    for folder, chosen in folders.items():
        heard = [shares[file.path] for file in chosen if shares[file.path]]
        if heard:
            mean = float(np.mean([share for stretches in heard for share in stretches]))
            highest = max(float(np.mean(stretches)) for stretches in heard)
            results.append(UnheardShare(folder, len(heard), mean, highest, *_ends(rates[folder])))
    return tuple(results)


def _ends(rates: Sequence[int]) -> tuple[int, int]:
    return min(rates), max(rates)


def sampled_files(files: Sequence[SurveyedFile], seed: int) -> dict[Path, list[SurveyedFile]]:
    """Which files of each folder are listened to.

    Args:
        files: of any kind.
        seed: of the drawing.
    """
    folders: dict[Path, list[SurveyedFile]] = defaultdict(list)
    for file in files:
        if _has_sound(file):
            folders[place_of(file.path)].append(file)
    draw = random.Random(seed)
    return {
        folder: chosen
        if len(chosen) <= NUM_FILES_PER_FOLDER
        else draw.sample(chosen, NUM_FILES_PER_FOLDER)
        for folder, chosen in folders.items()
    }


def file_shares(file: SurveyedFile, seed: int = 0) -> list[float]:
    """The share above 7,500 Hz of each stretch of one recording; empty where nothing can be heard.

    Args:
        file: a recording with its rate.
        seed: of the places.
    """
    draw = random.Random(f"{seed} {file.path.name}")
    room = max(0.0, (file.duration_seconds or 0.0) - STRETCH_SECONDS)
    places = sorted(draw.uniform(0, room) for _ in range(NUM_STRETCHES)) if room else [0.0]
    if file.bits_per_sample is None:  # lossy formats may have to be decoded up to the place
        places = places[:1]
    shares = []
    for place in places:
        try:
            waveform, _ = load_waveform_with_notes(
                file.path,
                sample_rate_hz=file.sample_rate_hz or 16_000,
                offset_seconds=place,
                max_seconds=STRETCH_SECONDS,
            )
        except (UnreadableMediaError, OSError):  # `deep` tells of damage
            continue
        share = share_above(waveform, file.sample_rate_hz or 16_000)
        if share is not None:
            shares.append(share)
    return shares


def share_above(
    waveform: np.ndarray, sample_rate_hz: int, frequency_hz: float = HIGHEST_HEARD_HZ
) -> float | None:
    """How much of the energy above 125 Hz lies above a frequency, by Welch's method.

    Hann windows of 50 ms that overlap by half, each without its mean; their power spectra are added.

    Args:
        waveform: float32 [num_samples], mono.
        sample_rate_hz: of the waveform.
        frequency_hz: where "above" begins.
    Returns:
        0 to 1; None where there is no sound, or less than one window of it.
    """
    size = round(_SEGMENT_SECONDS * sample_rate_hz)
    if len(waveform) < size or size < 2:
        return None
    segments = np.lib.stride_tricks.sliding_window_view(waveform, size)[:: max(1, size // 2)]
    windowed = (segments - segments.mean(axis=1, keepdims=True)) * np.hanning(size).astype(
        "float32"
    )
    power = np.square(np.abs(np.fft.rfft(windowed, axis=1))).sum(axis=0)
    frequencies = np.fft.rfftfreq(size, 1 / sample_rate_hz)
    total = float(power[frequencies >= LOWEST_HEARD_HZ].sum())
    return float(power[frequencies > frequency_hz].sum()) / total if total > 0 else None


def _has_sound(file: SurveyedFile) -> bool:
    return file.kind == "recording" and file.is_readable and not file.has(*NOTHING_TO_HEAR)
