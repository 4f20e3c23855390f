"""Record an individual: distance, weather, neighbours and microphone differ every time."""

from collections.abc import Sequence

import numpy as np
from scipy import fft
from scipy.signal import oaconvolve

from aviary.individuals import Individual
from aviary.songs import sing

Generator = np.random.Generator


def make_recording(
    individual: Individual,
    neighbours: Sequence[Individual],
    generator: Generator,
    *,
    sample_rate_hz: int,
    duration_seconds: float,
) -> np.ndarray:
    """One recording in which this individual sings.

    Args:
        individual: who sings close by.
        neighbours: who may be heard far off; not told apart from class to class.
        generator: draws all else; nothing it draws depends on who sings.
        sample_rate_hz: of the result.
        duration_seconds: of the result.
    Returns:
        float32 [num_samples], mono, amplitude within [-1, 1].
    """
    num_samples = round(duration_seconds * sample_rate_hz)
    song = perform(individual, num_samples, generator, sample_rate_hz=sample_rate_hz)
    scene = reverberate(song, generator.uniform(0.0, 0.4), generator, sample_rate_hz=sample_rate_hz)
    scene += _far_birds(neighbours, num_samples, generator, sample_rate_hz)
    scene += draw_weather(num_samples, generator, sample_rate_hz=sample_rate_hz)
    heard = pass_microphone(scene, generator, sample_rate_hz=sample_rate_hz)
    loudness = 10 ** (generator.uniform(-22, -1) / 20)
    return (heard / (np.abs(heard).max() + 1e-9) * loudness).astype(np.float32)


def perform(
    individual: Individual, num_samples: int, generator: Generator, *, sample_rate_hz: int
) -> np.ndarray:
    """Phrases with pauses between them, from a moment drawn at random until the end.

    Returns:
        float [num_samples], mono, largest amplitude about 1.
    """
    sound = np.zeros(num_samples, np.float32)
    tempo = 1.12 ** generator.uniform(-1, 1)
    start = round(num_samples * generator.uniform(0.0, 0.25))
    while start < num_samples:
        phrase = sing(individual, generator, sample_rate_hz=sample_rate_hz, tempo=tempo)
        phrase = phrase[: num_samples - start] * np.float32(generator.uniform(0.6, 1.0))
        sound[start : start + len(phrase)] += phrase
        start += len(phrase) + round(generator.uniform(0.3, 1.2) * sample_rate_hz)
    return sound


def reverberate(
    sound: np.ndarray, wetness: float, generator: Generator, *, sample_rate_hz: int
) -> np.ndarray:
    """The sound in a wood: an echo of decaying noise behind it; `wetness` 0 (dry) to 1."""
    decay_seconds = generator.uniform(0.08, 0.5)
    num_samples = round(1.6 * decay_seconds * sample_rate_hz)
    seconds = np.arange(num_samples, dtype=np.float32) / sample_rate_hz
    tail = generator.standard_normal(len(seconds), np.float32) * np.exp(
        -3.5 * seconds / decay_seconds
    )
    tail /= np.sqrt(np.sum(tail**2))
    return sound * (1 - wetness) + wetness * oaconvolve(sound, tail)[: len(sound)]


def draw_weather(num_samples: int, generator: Generator, *, sample_rate_hz: int) -> np.ndarray:
    """Hiss always, wind and rain at times; now and then so much that it drowns the song.

    Returns:
        float [num_samples], mono, in units of a close bird's amplitude.
    """
    gusts = _smooth_curve(num_samples, sample_rate_hz / 0.8, generator)
    wind = _coloured_noise(num_samples, generator.uniform(1.0, 1.6), generator, sample_rate_hz)
    hiss = _coloured_noise(num_samples, generator.uniform(0.0, 0.6), generator, sample_rate_hz)
    wind_level = 10.0 ** (generator.uniform(-40, -12) / 20)
    hiss_level = 10 ** (generator.uniform(-48, -28) / 20)
    if generator.random() < 0.08:
        hiss_level = 10 ** (generator.uniform(-22, -12) / 20)
    sound = wind * wind_level * (0.3 + gusts) + hiss * hiss_level
    if generator.random() < 0.25:
        drops = generator.random(num_samples, np.float32) < 60 / sample_rate_hz
        splash = np.exp(-np.arange(round(0.004 * sample_rate_hz)) / (0.0008 * sample_rate_hz))
        rain = oaconvolve(drops * generator.normal(0, 1, num_samples), splash)[:num_samples]
        sound += rain * generator.uniform(0.02, 0.12)
    return sound


def pass_microphone(sound: np.ndarray, generator: Generator, *, sample_rate_hz: int) -> np.ndarray:
    """The sound through a microphone whose response is bent by some decibels, smoothly over octaves."""
    length = fft.next_fast_len(len(sound), real=True)
    frequency_hz = fft.rfftfreq(length, 1 / sample_rate_hz)
    octave = np.log2(np.maximum(frequency_hz, 60) / 60)
    knots = np.arange(9)
    response_db = np.interp(octave, knots, generator.normal(0, 3.0, len(knots)))
    response = (10 ** (response_db / 20)).astype(np.float32)
    return fft.irfft(fft.rfft(sound.astype(np.float32), length) * response, length)[: len(sound)]


def _far_birds(
    neighbours: Sequence[Individual], num_samples: int, generator: Generator, sample_rate_hz: int
) -> np.ndarray:
    sound = np.zeros(num_samples, np.float32)
    for _ in range(int(generator.integers(0, 3))):
        neighbour = neighbours[int(generator.integers(len(neighbours)))]
        song = perform(neighbour, num_samples, generator, sample_rate_hz=sample_rate_hz)
        level = 10 ** (generator.uniform(-38, -16) / 20)
        sound += level * reverberate(song, 0.7, generator, sample_rate_hz=sample_rate_hz)
    return sound


def _coloured_noise(
    num_samples: int, slope: float, generator: Generator, sample_rate_hz: int
) -> np.ndarray:
    """Noise whose amplitude falls as frequency to the power of -slope; standard deviation 1."""
    length = fft.next_fast_len(num_samples, real=True)
    frequency_hz = fft.rfftfreq(length, 1 / sample_rate_hz)
    fall = (np.maximum(frequency_hz, 60) ** -slope).astype(np.float32)
    spectrum = fft.rfft(generator.standard_normal(length, np.float32)) * fall
    noise = fft.irfft(spectrum, length)[:num_samples]
    return noise / noise.std()


def _smooth_curve(num_samples: int, step: float, generator: Generator) -> np.ndarray:
    """A curve in [0, 1] that changes its mind every `step` samples."""
    knots = generator.random(int(num_samples / step) + 2)
    return np.interp(np.arange(num_samples) / step, np.arange(len(knots)), knots)
