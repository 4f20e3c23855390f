"""Soundscapes whose truth is known: recordings placed at known times over noise, and over each other."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from soundscapes.events import Event

_FADE_SECONDS = 0.01
_LOUDEST_PEAK = 0.95


def compose_soundscape(
    recordings: Mapping[str, Sequence[np.ndarray]],
    noise: npt.ArrayLike | None = None,
    *,
    sample_rate_hz: int,
    duration_seconds: float = 60.0,
    events: int | Sequence[tuple[float, str]] = 12,
    event_seconds: tuple[float, float] = (1.0, 5.0),
    signal_to_noise_db: tuple[float, float] = (0.0, 12.0),
    seed: int | np.random.Generator = 0,
    name: str = "soundscape.wav",
) -> tuple[np.ndarray, list[Event]]:
    """A soundscape and what is in it, for tests, measurements and demonstrations.

    Of a recording its loudest stretch is taken, faded in and out over 10 ms, and scaled so that its power is
    so many decibels above that of the noise. Events may lie over each other.

    Args:
        recordings: of each species, float [num_samples] each, mono, at `sample_rate_hz`.
        noise: float [num_samples], such as wind; it is repeated from a random place. Default: pink noise.
        sample_rate_hz: int > 0.
        duration_seconds: float > 0.
        events: how many, of species and at times drawn at random; or (start_seconds, species) of each.
        event_seconds: (least, most), float > 0, of a stretch.
        signal_to_noise_db: (least, most), float.
        seed: the same seed, the same soundscape.
        name: the file that the events are said to be in.

    Returns:
        float32 [num_samples], amplitude in [-1, 1]; and the events, with score 1, in the order of their
        starts.

    Raises:
        ValueError: there are no recordings, a species has none, or a range is empty.

    Reference:
        Salamon et al., Scaper: a library for soundscape synthesis and augmentation, WASPAA 2017, with the
        signal-to-noise ratio of plain power instead of loudness units.
    """
    if not recordings or not all(len(one) for one in recordings.values()):
        raise ValueError("Expected at least one recording of each species, received none.")
    for told, (least, most) in (
        ("event_seconds", event_seconds),
        ("signal_to_noise_db", signal_to_noise_db),
    ):
        if not least <= most:
            raise ValueError(f"Expected {told} (least, most), received {least} and {most}.")
    rng = np.random.default_rng(seed)
    num_samples = round(duration_seconds * sample_rate_hz)
    scape = _background(noise, num_samples, rng)
    noise_power = max(float(np.mean(scape**2)), 1e-10)
    truth = []
    for start_seconds, species in _planned(recordings, events, duration_seconds, rng):
        start = round(start_seconds * sample_rate_hz)
        of_species = recordings[species]
        whole = np.asarray(of_species[int(rng.integers(len(of_species)))], np.float64)
        length = round(rng.uniform(*event_seconds) * sample_rate_hz)
        song = loudest_stretch(whole, min(length, num_samples - start))
        if not len(song):
            continue
        song = song * _fades(len(song), sample_rate_hz)
        wanted = noise_power * 10 ** (rng.uniform(*signal_to_noise_db) / 10)
        song *= math.sqrt(wanted / max(float(np.mean(song**2)), 1e-12))
        scape[start : start + len(song)] += song
        end_seconds = (start + len(song)) / sample_rate_hz
        truth.append(Event(name, start / sample_rate_hz, end_seconds, species, 1.0))
    peak = np.abs(scape).max(initial=0.0)
    if peak > _LOUDEST_PEAK:
        scape *= _LOUDEST_PEAK / peak
    return scape.astype(np.float32), sorted(truth, key=lambda event: event.start_seconds)


def segment_labels(
    events: Iterable[Event],
    class_names: Sequence[str],
    duration_seconds: float,
    segment_seconds: float = 5.0,
    *,
    least_overlap_seconds: float = 0.2,
) -> np.ndarray:
    """Which species are in which segments.

    Args:
        events: of one soundscape.
        class_names: the order of the columns; events of other species are passed over.
        duration_seconds: float > 0, of the soundscape.
        segment_seconds: float > 0.
        least_overlap_seconds: float >= 0; a species is in a segment if an event of it, or all of a shorter
            one, lies in it for so long.

    Returns:
        float32 [num_segments, num_classes], 0 or 1.
    """
    num_segments = math.ceil(duration_seconds / segment_seconds - 1e-6)
    labels = np.zeros((num_segments, len(class_names)), np.float32)
    place = {name: number for number, name in enumerate(class_names)}
    starts = segment_seconds * np.arange(num_segments)
    for event in events:
        if event.species not in place:
            continue
        ends = np.minimum(starts + segment_seconds, event.end_seconds)
        overlap = ends - np.maximum(starts, event.start_seconds)
        least = min(least_overlap_seconds, event.end_seconds - event.start_seconds)
        labels[(overlap >= least - 1e-9) & (overlap > 0), place[event.species]] = 1
    return labels


def loudest_stretch(waveform: np.ndarray, num_samples: int) -> np.ndarray:
    """The stretch of this length with the most power; all of a shorter waveform."""
    if len(waveform) <= num_samples:
        return waveform
    energy = np.concatenate([[0.0], np.cumsum(waveform**2)])
    start = int(np.argmax(energy[num_samples:] - energy[: len(energy) - num_samples]))
    return waveform[start : start + num_samples]


def _planned(
    recordings: Mapping[str, Sequence[np.ndarray]],
    events: int | Sequence[tuple[float, str]],
    duration_seconds: float,
    rng: np.random.Generator,
) -> list[tuple[float, str]]:
    """(start_seconds, species) of each event."""
    if not isinstance(events, int):
        if unknown := sorted({species for _, species in events} - {*recordings}):
            raise ValueError(f"There is no recording of {unknown}.")
        return list(events)
    names = list(recordings)
    starts = np.sort(rng.uniform(0, max(0.0, duration_seconds - 1.0), events))
    return [(float(start), names[int(rng.integers(len(names)))]) for start in starts]


def _background(
    noise: npt.ArrayLike | None, num_samples: int, rng: np.random.Generator
) -> np.ndarray:
    if noise is None:
        spectrum = np.fft.rfft(rng.normal(size=num_samples))
        spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 1))
        pink = np.fft.irfft(spectrum, num_samples)
        return 0.02 * pink / max(float(pink.std()), 1e-12)
    given = np.asarray(noise, np.float64)
    if not len(given):
        raise ValueError("Expected noise of at least one sample, received none.")
    places = rng.integers(len(given)) + np.arange(num_samples)
    return given[places % len(given)]


def _fades(num_samples: int, sample_rate_hz: int) -> np.ndarray:
    num = min(round(_FADE_SECONDS * sample_rate_hz), num_samples // 2)
    ramp = np.linspace(0, 1, num, endpoint=False)
    return np.concatenate([ramp, np.ones(num_samples - 2 * num), ramp[::-1]])
