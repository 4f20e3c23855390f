"""Sing and record: from a voice to a phrase, and to a recording with weather, neighbours and microphone."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import fft
from scipy.signal import oaconvolve

from aviary.individuals import Individual
from aviary.species import Syllable

Generator = np.random.Generator


def make_recording(
    individual: Individual,
    neighbours: Sequence[Individual],
    generator: Generator,
    *,
    sample_rate_hz: int,
    duration_seconds: float,
) -> np.ndarray:
    """One recording in which this individual sings, with some of the neighbours far off.

    Nothing that the generator draws depends on who sings.

    Returns:
        float32 [num_samples], mono, amplitude within [-1, 1].
    """
    num_samples = round(duration_seconds * sample_rate_hz)
    song = _perform(individual, num_samples, generator, sample_rate_hz)
    scene = _reverberate(song, generator.uniform(0.0, 0.4), generator, sample_rate_hz)
    far_songs = []
    for _ in range(int(generator.integers(0, 3))):
        neighbour = neighbours[int(generator.integers(len(neighbours)))]
        song = _perform(neighbour, num_samples, generator, sample_rate_hz)
        level = 10 ** (generator.uniform(-38, -16) / 20)
        far_songs.append(level * _reverberate(song, 0.7, generator, sample_rate_hz))
    scene += sum(far_songs)
    scene += _draw_weather(num_samples, generator, sample_rate_hz)
    heard = _pass_microphone(scene, generator, sample_rate_hz)
    return (heard * 10 ** (generator.uniform(-22, -1) / 20)).astype(np.float32)


def record_scene(sound: np.ndarray, generator: Generator, *, sample_rate_hz: int) -> np.ndarray:
    """What a camera's microphone makes of songs: float32 [num_samples], amplitude within [-0.6, 0.6]."""
    scene = _reverberate(sound, generator.uniform(0, 0.3), generator, sample_rate_hz)
    scene += 0.5 * _draw_weather(len(sound), generator, sample_rate_hz)
    return (0.6 * _pass_microphone(scene, generator, sample_rate_hz)).astype(np.float32)


def sing(
    individual: Individual, generator: Generator, *, sample_rate_hz: int, tempo: float = 1.0
) -> np.ndarray:
    """One phrase of this individual's song, dry and close: float32 [num_samples], largest amplitude 1."""
    voice = individual.voice
    wobble = 2.0 ** (generator.normal(0, 0.12) / 12)
    parts = []
    for position in voice.motif:
        semitones = voice.pitch_semitones + voice.syllable_semitones[position]
        ratio = wobble * 2.0 ** ((semitones + generator.normal(0, 0.08)) / 12)
        syllable = individual.species.syllables[position]
        pace = voice.pace * tempo
        tone = _sing_syllable(syllable, ratio, pace, voice.brightness, generator, sample_rate_hz)
        gap_seconds = voice.gap_seconds / tempo * generator.uniform(0.92, 1.08)
        parts += [tone * generator.uniform(0.8, 1.0), np.zeros(round(gap_seconds * sample_rate_hz))]
    phrase = np.concatenate(parts)
    return (phrase / np.abs(phrase).max()).astype(np.float32)


def _sing_syllable(
    syllable: Syllable,
    pitch_ratio: float,
    pace: float,
    brightness: float,
    generator: Generator,
    sample_rate_hz: int,
) -> np.ndarray:
    """The pitch glides and wobbles as the syllable says; the phase is its integral."""
    num_samples = max(16, round(syllable.duration_seconds / pace * sample_rate_hz))
    along = np.linspace(0, 1, num_samples)
    beat = 2 * np.pi * syllable.rate_hz * pace * (np.arange(num_samples) / sample_rate_hz)
    octaves = syllable.glide_octaves * (along - 0.5)
    loudness = np.sin(np.pi * along) ** 0.6
    levels = [1.0, 0.25 * brightness]
    if syllable.kind == "trill":
        octaves = octaves + syllable.depth_octaves / 2 * np.sin(beat)
    elif syllable.kind == "chirps":
        cycle = (beat / (2 * np.pi)) % 1.0
        octaves = syllable.glide_octaves * (cycle - 0.5)
        loudness = loudness * np.sin(np.pi * np.minimum(cycle / 0.7, 1.0)) ** 2
    elif syllable.kind == "buzz":
        loudness = loudness * (0.55 + 0.45 * np.tanh(4 * np.sin(beat)))
        noise = generator.normal(0, 1, num_samples)
        octaves = octaves + 0.02 * np.convolve(noise, np.hanning(48) / 4, mode="same")
    elif syllable.kind == "stack":
        levels = [1.0, 0.5 + 0.4 * brightness, 0.2 + 0.4 * brightness, 0.25 * brightness]
    pitch_hz = syllable.pitch_hz * pitch_ratio * 2.0**octaves
    phase = 2 * np.pi * np.cumsum(pitch_hz) / sample_rate_hz
    tone = np.zeros(num_samples)
    for number, level in enumerate(levels, start=1):
        is_below_limit = pitch_hz * number < 0.45 * sample_rate_hz
        tone += level * is_below_limit * np.sin(number * phase)
    return loudness * tone / sum(levels)


def _perform(
    individual: Individual, num_samples: int, generator: Generator, sample_rate_hz: int
) -> np.ndarray:
    """Phrases with pauses between them, from a moment drawn at random until the end."""
    sound = np.zeros(num_samples, np.float32)
    tempo = 1.12 ** generator.uniform(-1, 1)
    start = round(num_samples * generator.uniform(0.0, 0.25))
    while start < num_samples:
        phrase = sing(individual, generator, sample_rate_hz=sample_rate_hz, tempo=tempo)
        phrase = phrase[: num_samples - start] * np.float32(generator.uniform(0.6, 1.0))
        sound[start : start + len(phrase)] += phrase
        start += len(phrase) + round(generator.uniform(0.3, 1.2) * sample_rate_hz)
    return sound


def _reverberate(
    sound: np.ndarray, wetness: float, generator: Generator, sample_rate_hz: int
) -> np.ndarray:
    """The sound in a wood: an echo of decaying noise behind it; `wetness` 0 (dry) to 1."""
    decay_seconds = generator.uniform(0.08, 0.5)
    num_samples = round(1.6 * decay_seconds * sample_rate_hz)
    seconds = np.arange(num_samples, dtype=np.float32) / sample_rate_hz
    tail = generator.standard_normal(num_samples, np.float32)
    tail = tail * np.exp(-3.5 * seconds / decay_seconds)
    tail /= np.sqrt(np.sum(tail**2))
    return sound * (1 - wetness) + wetness * oaconvolve(sound, tail)[: len(sound)]


def _draw_weather(num_samples: int, generator: Generator, sample_rate_hz: int) -> np.ndarray:
    """Hiss always, wind and rain at times; now and then so much that it drowns the song."""
    step = sample_rate_hz / 0.8
    knots = generator.random(int(num_samples / step) + 2)
    gusts = np.interp(np.arange(num_samples) / step, np.arange(len(knots)), knots)
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


def _coloured_noise(
    num_samples: int, slope: float, generator: Generator, sample_rate_hz: int
) -> np.ndarray:
    """Noise whose amplitude falls as frequency to the power of -slope; standard deviation 1."""
    noise = generator.standard_normal(fft.next_fast_len(num_samples, real=True), np.float32)
    noise = _filtered(noise, lambda hz: np.maximum(hz, 60) ** -slope, sample_rate_hz)[:num_samples]
    return noise / noise.std()


def _pass_microphone(sound: np.ndarray, generator: Generator, sample_rate_hz: int) -> np.ndarray:
    """Through a microphone whose response is bent by some decibels, smoothly over octaves; full scale."""
    knots_db = generator.normal(0, 3.0, 9)

    def response(hz: np.ndarray) -> np.ndarray:
        octave = np.log2(np.maximum(hz, 60) / 60)
        return 10 ** (np.interp(octave, np.arange(9), knots_db) / 20)

    heard = _filtered(sound, response, sample_rate_hz)
    return heard / (np.abs(heard).max() + 1e-9)


def _filtered(
    sound: np.ndarray, response: Callable[[np.ndarray], np.ndarray], sample_rate_hz: int
) -> np.ndarray:
    """The sound through a filter with this response to each frequency in Hz."""
    length = fft.next_fast_len(len(sound), real=True)
    factors = response(fft.rfftfreq(length, 1 / sample_rate_hz)).astype(np.float32)
    return fft.irfft(fft.rfft(sound.astype(np.float32), length) * factors, length)[: len(sound)]
