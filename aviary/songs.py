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
    place = _Place(round(duration_seconds * sample_rate_hz), sample_rate_hz, generator)
    song = place.song_of(individual)
    scene = place.reverberate(song, generator.uniform(0.0, 0.4))
    far_songs = []
    for _ in range(int(generator.integers(0, 3))):
        song = place.song_of(neighbours[int(generator.integers(len(neighbours)))])
        level = 10 ** (generator.uniform(-38, -16) / 20)
        far_songs.append(level * place.reverberate(song, 0.7))
    scene += sum(far_songs)
    heard = place.record(scene + place.weather())
    return (heard * 10 ** (generator.uniform(-22, -1) / 20)).astype(np.float32)


def record_scene(sound: np.ndarray, generator: Generator, *, sample_rate_hz: int) -> np.ndarray:
    """What a camera's microphone makes of songs: float32 [num_samples], amplitude within [-0.6, 0.6]."""
    place = _Place(len(sound), sample_rate_hz, generator)
    scene = place.reverberate(sound, generator.uniform(0, 0.3))
    return (0.6 * place.record(scene + 0.5 * place.weather())).astype(np.float32)


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


class _Place:
    """A wood and a microphone in it, for one recording."""

    def __init__(self, num_samples: int, sample_rate_hz: int, generator: Generator) -> None:
        self.num_samples, self.rate, self.draw = num_samples, sample_rate_hz, generator

    def song_of(self, individual: Individual) -> np.ndarray:
        """Phrases with pauses between them, from a moment drawn at random until the end."""
        sound = np.zeros(self.num_samples, np.float32)
        tempo = 1.12 ** self.draw.uniform(-1, 1)
        start = round(self.num_samples * self.draw.uniform(0.0, 0.25))
        while start < self.num_samples:
            phrase = sing(individual, self.draw, sample_rate_hz=self.rate, tempo=tempo)
            phrase = phrase[: self.num_samples - start] * np.float32(self.draw.uniform(0.6, 1.0))
            sound[start : start + len(phrase)] += phrase
            start += len(phrase) + round(self.draw.uniform(0.3, 1.2) * self.rate)
        return sound

    def reverberate(self, sound: np.ndarray, wetness: float) -> np.ndarray:
        """With an echo of decaying noise behind it; `wetness` 0 (dry) to 1."""
        decay_seconds = self.draw.uniform(0.08, 0.5)
        num_samples = round(1.6 * decay_seconds * self.rate)
        seconds = np.arange(num_samples, dtype=np.float32) / self.rate
        tail = self.draw.standard_normal(num_samples, np.float32)
        tail = tail * np.exp(-3.5 * seconds / decay_seconds)
        tail /= np.sqrt(np.sum(tail**2))
        return sound * (1 - wetness) + wetness * oaconvolve(sound, tail)[: len(sound)]

    def weather(self) -> np.ndarray:
        """Hiss always, wind and rain at times; now and then so much that it drowns the song."""
        step = self.rate / 0.8
        knots = self.draw.random(int(self.num_samples / step) + 2)
        gusts = np.interp(np.arange(self.num_samples) / step, np.arange(len(knots)), knots)
        wind = self._coloured_noise(self.draw.uniform(1.0, 1.6))
        hiss = self._coloured_noise(self.draw.uniform(0.0, 0.6))
        wind_level = 10.0 ** (self.draw.uniform(-40, -12) / 20)
        hiss_level = 10 ** (self.draw.uniform(-48, -28) / 20)
        if self.draw.random() < 0.08:
            hiss_level = 10 ** (self.draw.uniform(-22, -12) / 20)
        sound = wind * wind_level * (0.3 + gusts) + hiss * hiss_level
        if self.draw.random() < 0.25:
            drops = self.draw.random(self.num_samples, np.float32) < 60 / self.rate
            splash = np.exp(-np.arange(round(0.004 * self.rate)) / (0.0008 * self.rate))
            rain = oaconvolve(drops * self.draw.normal(0, 1, self.num_samples), splash)
            sound += rain[: self.num_samples] * self.draw.uniform(0.02, 0.12)
        return sound

    def record(self, sound: np.ndarray) -> np.ndarray:
        """At full scale, through a microphone that is some decibels off, smoothly over octaves."""
        knots_db = self.draw.normal(0, 3.0, 9)

        def response(hz: np.ndarray) -> np.ndarray:
            octave = np.log2(np.maximum(hz, 60) / 60)
            return 10 ** (np.interp(octave, np.arange(9), knots_db) / 20)

        heard = self._filter(sound, response)
        return heard / (np.abs(heard).max() + 1e-9)

    def _coloured_noise(self, slope: float) -> np.ndarray:
        """Noise whose amplitude falls as frequency to the power of -slope; standard deviation 1."""
        length = fft.next_fast_len(self.num_samples, real=True)
        noise = self.draw.standard_normal(length, np.float32)
        noise = self._filter(noise, lambda hz: np.maximum(hz, 60) ** -slope)[: self.num_samples]
        return noise / noise.std()

    def _filter(
        self, sound: np.ndarray, response: Callable[[np.ndarray], np.ndarray]
    ) -> np.ndarray:
        """The sound with each frequency in Hz multiplied by its response."""
        length = fft.next_fast_len(len(sound), real=True)
        factors = response(fft.rfftfreq(length, 1 / self.rate)).astype(np.float32)
        return fft.irfft(fft.rfft(sound.astype(np.float32), length) * factors, length)[: len(sound)]
