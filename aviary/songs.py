"""Sing: from an individual's voice to a clean waveform, syllable by syllable."""

import numpy as np

from aviary.individuals import Individual
from aviary.species import Syllable

Generator = np.random.Generator


def sing(
    individual: Individual, generator: Generator, *, sample_rate_hz: int, tempo: float = 1.0
) -> np.ndarray:
    """One phrase of this individual's song, dry and close.

    Args:
        individual: who sings.
        generator: draws the small differences between one rendition and the next.
        sample_rate_hz: of the result.
        tempo: 1 is normal; larger is faster.
    Returns:
        float32 [num_samples], mono, largest amplitude 1.
    """
    voice = individual.voice
    pace = voice.pace * tempo
    wobble = 2.0 ** (generator.normal(0, 0.12) / 12)
    parts = []
    for position in voice.motif:
        semitones = voice.pitch_semitones + voice.syllable_semitones[position]
        ratio = wobble * 2.0 ** ((semitones + generator.normal(0, 0.08)) / 12)
        syllable = individual.species.syllables[position]
        tone = sing_syllable(
            syllable, ratio, pace, voice.brightness, generator, sample_rate_hz=sample_rate_hz
        )
        gap_seconds = voice.gap_seconds / tempo * generator.uniform(0.92, 1.08)
        parts += [tone * generator.uniform(0.8, 1.0), np.zeros(round(gap_seconds * sample_rate_hz))]
    phrase = np.concatenate(parts)
    return (phrase / np.abs(phrase).max()).astype(np.float32)


def sing_syllable(
    syllable: Syllable,
    pitch_ratio: float,
    pace: float,
    brightness: float,
    generator: Generator,
    *,
    sample_rate_hz: int,
) -> np.ndarray:
    """One syllable.

    The phase is the integral of 2 pi times the pitch; the pitch glides and wobbles as the syllable says.

    Args:
        syllable: which.
        pitch_ratio: multiplies its pitch.
        pace: divides its length and multiplies its rate.
        brightness: level of the harmonics, 0 to 1.
        generator: noise of a buzz.
        sample_rate_hz: of the result.
    Returns:
        float64 [num_samples], about -1 to 1, silent at both ends.
    """
    num_samples = max(16, round(syllable.duration_seconds / pace * sample_rate_hz))
    seconds = np.arange(num_samples) / sample_rate_hz
    along = np.linspace(0, 1, num_samples)
    beat = 2 * np.pi * syllable.rate_hz * pace * seconds
    octaves = syllable.glide_octaves * (along - 0.5)
    loudness = np.sin(np.pi * along) ** 0.6
    if syllable.kind == "trill":
        octaves = octaves + syllable.depth_octaves / 2 * np.sin(beat)
    if syllable.kind == "chirps":
        cycle = (beat / (2 * np.pi)) % 1.0
        octaves = syllable.glide_octaves * (cycle - 0.5)
        loudness = loudness * np.sin(np.pi * np.minimum(cycle / 0.7, 1.0)) ** 2
    if syllable.kind == "buzz":
        loudness = loudness * (0.55 + 0.45 * np.tanh(4 * np.sin(beat)))
        octaves = octaves + 0.02 * np.convolve(
            generator.normal(0, 1, num_samples), np.hanning(48) / 4, mode="same"
        )
    pitch_hz = syllable.pitch_hz * pitch_ratio * 2.0**octaves
    phase = 2 * np.pi * np.cumsum(pitch_hz) / sample_rate_hz
    return loudness * _harmonics(phase, pitch_hz, _levels(syllable, brightness), sample_rate_hz)


def _levels(syllable: Syllable, brightness: float) -> tuple[float, ...]:
    if syllable.kind == "stack":
        return 1.0, 0.5 + 0.4 * brightness, 0.2 + 0.4 * brightness, 0.25 * brightness
    return 1.0, 0.25 * brightness


def _harmonics(
    phase: np.ndarray, pitch_hz: np.ndarray, levels: tuple[float, ...], sample_rate_hz: int
) -> np.ndarray:
    """Sum of harmonics, without those above 0.45 of the sample rate."""
    tone = np.zeros_like(phase)
    for number, level in enumerate(levels, start=1):
        is_audible = pitch_hz * number < 0.45 * sample_rate_hz
        tone += level * is_audible * np.sin(number * phase)
    return tone / sum(levels)
