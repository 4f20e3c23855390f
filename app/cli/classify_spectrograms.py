"""`fused-encoder classify spectrograms`: spectrograms made once, before training."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.mel_options import add_mel_settings, mel_settings
from app.cli.options import add_command, switch, value
from app.cli.outcome import check_destination, import_tensorflow_quietly, outcome
from app.cli.sound_inputs import add_recordings, labelled_recordings

if TYPE_CHECKING:
    from triplets import PreparedMedia


def add_options(actions: argparse._SubParsersAction) -> None:
    """Adds the action to the command."""
    parser = add_command(
        actions, "spectrograms", "make the mel spectrograms of recordings once, before training"
    )
    add_recordings(parser)
    value(parser, "--out", str, "DIR", "where they are kept; run again to go on", required=True)
    switch(parser, "--pictures", "also write a grey PNG of each, in DIR/pictures/<species>/")
    value(parser, "--max-seconds", 60.0, "S", "of each recording, as training reads", above=0)
    add_mel_settings(parser.add_argument_group("spectrogram"))


def run(options: argparse.Namespace) -> int:
    """Makes the spectrograms that are not there yet, and says how much there is."""
    settings = mel_settings(options)
    check_destination(options.out, "spectrograms.json")
    files = labelled_recordings(options).files()
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
