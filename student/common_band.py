"""The lowest common band of a student: all that every recording of a set can hold."""

from __future__ import annotations

from dataclasses import replace

from soundscapes.common_band import lowest_sample_rate, mel_at_rate
from soundscapes.recordings import LabelledRecordings
from student.hearing import StudentHearing


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
    rate = min(lowest_sample_rate(recordings), hearing.sample_rate_hz)
    mel = mel_at_rate(hearing.mel_settings, rate)
    return replace(
        hearing,
        sample_rate_hz=rate,
        max_hz=mel.highest_hz,
        fft_length=mel.fft_lengths[0],
        hop_samples=mel.hop_samples,
    )
