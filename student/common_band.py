"""The lowest common band: all that every recording of a set can hold, whatever its own rate."""

from __future__ import annotations

from dataclasses import replace

from media import UnreadableMediaError, probe_audio
from soundscapes.recordings import LabelledRecordings
from student.hearing import StudentHearing

_LONGEST_FFT = 16_384


def common_band(
    recordings: LabelledRecordings, hearing: StudentHearing | None = None
) -> StudentHearing:
    """A hearing at the lowest sample rate of the recordings: what some cannot hold, none is heard with.

    Where species were recorded at their own rates, a classifier may know them by where their sound ends.
    With this hearing it cannot; what its accuracy loses is what the rates had told it, or what the animals
    call above the common band.

    Args:
        recordings: all of them, to train on and to test.
        hearing: clips and bands; its windows become longer where the bands need it.

    Raises:
        ValueError: no recording can be read, or the common band holds nothing above `min_hz`.
    """
    hearing = hearing or StudentHearing()
    rates = []
    for one in recordings:
        try:
            rates.append(probe_audio(one.path).sample_rate_hz)
        except (
            UnreadableMediaError,
            FileNotFoundError,
        ):  # skipped and told of where they are heard
            continue
    if not rates:
        raise ValueError(f"None of the {len(recordings)} recordings can be read.")
    return hearing_at_rate(min(min(rates), hearing.sample_rate_hz), hearing)


def hearing_at_rate(sample_rate_hz: int, hearing: StudentHearing) -> StudentHearing:
    """The hearing at another rate: as many rows and bands of a clip, all below half that rate."""
    seconds = hearing.fft_length / hearing.sample_rate_hz
    fft_length = 2 ** max(4, round(sample_rate_hz * seconds).bit_length() - 1)
    highest = min(hearing.highest_hz, sample_rate_hz / 2)
    hop = max(1, round(sample_rate_hz * hearing.hop_samples / hearing.sample_rate_hz))
    while True:
        try:
            return replace(
                hearing,
                sample_rate_hz=sample_rate_hz,
                max_hz=highest,
                fft_length=fft_length,
                hop_samples=min(hop, fft_length),
            )
        except ValueError:
            if fft_length >= _LONGEST_FFT:
                raise
            fft_length *= 2
