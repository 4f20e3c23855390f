"""The lowest common band: all that every recording of a set can hold, whatever its own rate."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from fused_encoder.front_ends.contract import AudioFrontEnd
from media import UnreadableMediaError, probe_audio, resample
from soundscapes.mel_settings import MelSettings
from soundscapes.recordings import LabelledRecordings

_LONGEST_FFT = 16_384


def lowest_sample_rate(recordings: LabelledRecordings) -> int:
    """The lowest of the recordings' own rates, in hertz; those that cannot be read do not count.

    Raises:
        ValueError: no recording can be read.
    """
    rates = []
    for one in recordings:
        try:
            rates.append(probe_audio(one.path).sample_rate_hz)
        except (UnreadableMediaError, FileNotFoundError):
            continue  # skipped and told of where they are heard
    if not rates:
        raise ValueError(f"None of the {len(recordings)} recordings can be read.")
    return min(rates)


def band_limited(front_end: AudioFrontEnd, sample_rate_hz: int) -> AudioFrontEnd:
    """The same front end, deaf to all that this sample rate cannot hold.

    Every sound is brought down to the rate and up again before it is heard, one of that very rate like all
    others. So a classifier on it cannot know species by where the sound of their recorders ends.

    Args:
        front_end: any. It is not made of TensorFlow operations any more, so that no classifier on it can be
            exported.
        sample_rate_hz: int, see `lowest_sample_rate`. From its own rate on, the front end is left as it is.

    Example:
        >>> front_end = band_limited(load_front_end("birdnet"), lowest_sample_rate(recordings))
    """
    rate = front_end.sample_rate_hz
    if sample_rate_hz >= rate:
        return front_end

    def embed_sound(sound: np.ndarray) -> npt.ArrayLike:
        held = resample(resample(np.asarray(sound), rate, sample_rate_hz), sample_rate_hz, rate)
        missing = max(0, len(sound) - len(held))  # a sample or two, by rounding
        return front_end.embed_sound(np.pad(held, (0, missing))[: len(sound)])

    told = f"{front_end.fingerprint} below {sample_rate_hz}"
    return replace(
        front_end,
        fingerprint=hashlib.sha256(told.encode()).hexdigest()[:16],
        embed_sound=embed_sound,
        windows=None,
        embed_windows=None,
        module=None,
    )


def mel_at_rate(settings: MelSettings, sample_rate_hz: int) -> MelSettings:
    """The same spectrogram at another rate: as many rows and bands, all below half that rate.

    Windows become longer where the bands need it.

    Raises:
        ValueError: the rate holds nothing above `min_hz`.
    """
    share = sample_rate_hz / settings.sample_rate_hz
    lengths = [2 ** max(4, round(n * share).bit_length() - 1) for n in settings.fft_lengths]
    while True:
        try:
            made = replace(
                settings,
                sample_rate_hz=sample_rate_hz,
                max_hz=min(settings.highest_hz, sample_rate_hz / 2),
                fft_lengths=tuple(lengths),
                hop_samples=min(max(1, round(settings.hop_samples * share)), *lengths),
            )
            for length in lengths:
                made.band_weights(length)
            return made
        except ValueError:
            if max(lengths) >= _LONGEST_FFT:
                raise
            lengths = [2 * length for length in lengths]
