"""The demo's soundscape: a classifier of species from whole recordings says who sings in it, and when."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from aviary import Aviary
from media import load_waveform, save_waveform
from soundscapes import (
    LabelledRecordings,
    MelSettings,
    SoundTraining,
    mel_front_end,
    predict_recordings,
    scan_recordings,
    train_sound_classifier,
)
from soundscapes.compose import compose_soundscape, segment_labels
from soundscapes.events import Event
from soundscapes.measures import SoundMeasures, measure_scores
from triplets import FeatureStore

MEL = MelSettings(sample_rate_hz=22_050, num_bands=64)
TRAINING = SoundTraining(clip_seconds=3.0, epochs=12, learning_rate=3e-3, batch_size=16)
DURATION_SECONDS, SEGMENT_SECONDS = 60.0, 5.0


def hear_soundscape(
    aviary: Aviary, out: Path, seed: int = 0
) -> tuple[dict[str, Figure], dict[str, object]]:
    """Trains on the aviary's songs, listens to a soundscape of songs it never heard, and prints how well.

    Args:
        aviary: with recordings to train on, and held-out ones of which the soundscape is composed.
        out: folder that gets soundscape.wav and heard/.
        seed: of the network and the soundscape.

    Returns:
        Figures and values for the report, `templates/demo.html`.
    """
    store, front_end = FeatureStore(out / "features"), mel_front_end(MEL)
    recordings = by_species(scan_recordings(aviary.audio))
    trained = train_sound_classifier(
        recordings,
        front_end,
        "small_cnn",
        options=replace(TRAINING, seed=seed),
        store=store,
        progress=False,
        num_bands=MEL.num_bands,
    )
    truth = _compose(by_species(scan_recordings(aviary.held_out_audio)), out, seed)
    predict_recordings(trained.classifier, [out / "soundscape.wav"], out / "heard")
    segments = pd.read_parquet(out / "heard" / "segments.parquet")
    names = recordings.class_names
    labels = segment_labels(truth, names, DURATION_SECONDS, SEGMENT_SECONDS)
    scores = segments[list(names)].to_numpy()
    measured = measure_scores(scores, labels)
    summary = _in_words(measured, len(names))
    print(f"soundscape: {summary}")
    return {"who_sings_when": plot_soundscape(scores, truth, names)}, {"summary": summary}


def by_species(recordings: LabelledRecordings) -> LabelledRecordings:
    """Recordings of individuals, <species>_<number>, as recordings of their species."""
    species = [name.rpartition("_")[0] for name in recordings.class_names]
    names = tuple(sorted(set(species)))
    found = (replace(one, primary=names.index(species[one.primary])) for one in recordings)
    return LabelledRecordings(names, tuple(sorted(found, key=lambda r: (r.primary, r.path))))


def plot_soundscape(scores: np.ndarray, truth: list[Event], names: tuple[str, ...]) -> Figure:
    """The scores of each species in time, and bars where it truly sings."""
    figure = Figure(figsize=(9, 0.8 + 0.6 * len(names)), layout="constrained")
    axes = figure.subplots(len(names), 1, sharex=True, squeeze=False)[:, 0]
    starts = SEGMENT_SECONDS * np.arange(len(scores) + 1)
    for number, (row, name) in enumerate(zip(axes, names, strict=True)):
        row.stairs(scores[:, number], starts, fill=True, color="#2a7f4f", alpha=0.75)
        for event in (event for event in truth if event.species == name):
            row.plot([event.start_seconds, event.end_seconds], [1.12, 1.12], "#222222", linewidth=4)
        row.set(ylim=(0, 1.25), yticks=[0, 1], xlim=(0, DURATION_SECONDS))
        row.set_ylabel(name.replace("_", "\n"), rotation=0, ha="right", va="center")
        row.spines[["top", "right"]].set_visible(False)
    axes[-1].set_xlabel("seconds (green: score of 5 s; black: it truly sings)")
    return figure


def _compose(recordings: LabelledRecordings, out: Path, seed: int) -> list[Event]:
    waveforms = defaultdict(list)
    for one in recordings:
        waveform = load_waveform(one.path, sample_rate_hz=MEL.sample_rate_hz)
        waveforms[recordings.class_names[one.primary]].append(waveform)
    soundscape, truth = compose_soundscape(
        waveforms,
        sample_rate_hz=MEL.sample_rate_hz,
        duration_seconds=DURATION_SECONDS,
        signal_to_noise_db=(3.0, 15.0),
        seed=seed,
    )
    save_waveform(out / "soundscape.wav", soundscape, MEL.sample_rate_hz)
    return truth


def _in_words(measured: SoundMeasures, num_species: int) -> str:
    return (
        f"{measured.num_rows} segments of {SEGMENT_SECONDS:g} s, {num_species} species learnt from labels "
        f"of whole recordings: AUROC {measured.auroc:.3f}, average precision "
        f"{measured.average_precision:.3f}"
    )
