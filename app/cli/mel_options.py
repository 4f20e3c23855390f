"""The numbers of a mel spectrogram, as several actions of `classify` ask for them."""

from __future__ import annotations

import argparse
from typing import get_args

from app.cli.options import choice, value
from soundscapes.mel_settings import MelScale, MelSettings


def add_mel_settings(group: argparse._ActionsContainer) -> None:
    """The numbers of a mel spectrogram; the published ones by default."""
    usual = MelSettings()
    value(group, "--sample-rate", usual.sample_rate_hz, "HZ", "of the sound", least=1)
    value(group, "--bands", usual.num_bands, "N", "for each window length", least=1)
    lengths = f"window lengths; several are seen at once (default: {usual.fft_lengths[0]})"
    value(group, "--fft", int, "N", lengths, nargs="+", least=2)
    value(group, "--hop", usual.hop_samples, "N", "samples from row to row", least=1)
    value(group, "--min-hz", usual.min_hz, "HZ", "where the lowest band begins", least=0)
    value(group, "--max-hz", float, "HZ", "where the highest ends (default: half the sample rate)")
    choice(group, "--mel-scale", get_args(MelScale), "linear below 1 kHz, or not")


def mel_settings(options: argparse.Namespace) -> MelSettings:
    """What `add_mel_settings` asked for.

    Raises:
        ValueError: numbers that do not go together.
    """
    return MelSettings(
        sample_rate_hz=options.sample_rate,
        num_bands=options.bands,
        fft_lengths=tuple(options.fft or MelSettings().fft_lengths),
        hop_samples=options.hop,
        min_hz=options.min_hz,
        max_hz=options.max_hz,
        mel_scale=options.mel_scale,
    )
