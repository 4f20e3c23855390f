"""`fused-encoder student features`: a sheet of recordings with their 18 features."""

from __future__ import annotations

import argparse
from pathlib import Path

from app.cli.options import add_command, value
from app.cli.outcome import outcome
from app.cli.sound_inputs import add_recordings, labelled_recordings
from app.cli.student_inputs import add_student_hearing, student_hearing

ENDINGS = (".xlsx", ".csv", ".parquet")


def add_options(actions: argparse._SubParsersAction) -> None:
    """Adds the action to the parser."""
    parser = add_command(actions, "features", "write a sheet of recordings with their 18 features")
    add_recordings(parser)
    out = "FILE.xlsx, .csv or .parquet: file_name, species_name, sample_rate, and the features"
    value(parser, "--out", str, "FILE", out, required=True)
    add_student_hearing(parser)


def run(options: argparse.Namespace) -> int:
    """Writes the sheet."""
    import io

    from media.atomic import write_atomically
    from student.clips import prepare_clips
    from student.sheet import feature_table
    from triplets import FeatureStore

    out = Path(options.out)
    if out.suffix.lower() not in ENDINGS:
        raise ValueError(f"Expected --out ending in {', '.join(ENDINGS)}, received '{out}'.")
    recordings = labelled_recordings(options)
    hearing = student_hearing(options, recordings)
    clips = prepare_clips(recordings, hearing, store=FeatureStore(options.store))
    table, content = feature_table(clips), io.BytesIO()
    write = {".xlsx": table.to_excel, ".csv": table.to_csv, ".parquet": table.to_parquet}
    write[out.suffix.lower()](content, index=False)
    write_atomically(out, content.getvalue())
    print(f"{len(table)} recordings of {len(recordings.class_names)} species: '{out}'")
    return outcome(clips.skipped)
