"""`fused-encoder classify spectrograms`: spectrograms made once, before training."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, get_args

from app.cli.options import add_action, choice, switch, value
from app.cli.outcome import check_destination, import_tensorflow_quietly, outcome
from soundscapes.mel_settings import MelScale, MelSettings

if TYPE_CHECKING:
    from triplets import PreparedMedia


def add_options(actions: argparse._SubParsersAction) -> None:
    """Adds the action to the command."""
    folders = ("recordings", "RECORDINGS", "folder with one sub-folder of recordings per species")
    parser = add_action(
        actions, "spectrograms", "make the mel spectrograms of recordings", positional=folders
    )
    value(parser, "--out", str, "DIR", "where they are kept; run again to go on", required=True)
    switch(parser, "--pictures", "also write a grey PNG of each, in DIR/pictures/<species>/")
    value(parser, "--max-seconds", float, "S", "of each recording (default: all)", above=0)
    add_mel_settings(parser)


def add_mel_settings(parser: argparse.ArgumentParser) -> None:
    """The numbers of a mel spectrogram; the published ones by default."""
    usual = MelSettings()
    group = parser.add_argument_group("spectrogram")
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


def run(options: argparse.Namespace) -> int:
    """Makes the spectrograms that are not there yet, and says how much there is."""
    from triplets import scan_folders

    settings = mel_settings(options)
    check_destination(options.out, "spectrograms.json")
    files = scan_folders(None, options.recordings, min_sources_per_class=1)
    import_tensorflow_quietly()
    from soundscapes.spectrogram_store import StoredSpectrograms, make_spectrograms

    made_with = StoredSpectrograms(settings=settings, max_seconds=options.max_seconds)
    prepared = make_spectrograms(files, options.out, made_with)
    print(_totals(prepared, options.out))
    if options.pictures:
        from soundscapes.spectrogram_pictures import write_spectrogram_pictures

        folder = Path(options.out, "pictures")
        print(f"{len(write_spectrogram_pictures(prepared, folder))} pictures in '{folder}'.")
    return outcome(prepared.skipped)


def _totals(prepared: PreparedMedia, folder: str) -> str:
    from soundscapes.spectrogram_store import spectrogram_totals

    totals = spectrogram_totals(prepared)
    return (
        f"Spectrograms of {totals.num_recordings} recordings, {totals.hours:.2f} hours, "
        f"{totals.num_bytes / 1e6:.1f} MB in '{folder}'."
    )
