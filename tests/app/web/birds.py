"""A small world for the pages: an index, a count, a catalogue and detections, of generated birds."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np

from app.web.settings import ServeSettings
from archives.embed.rows import FileRow
from aviary import Aviary
from individuals import Catalogue
from individuals.sighting import Sighting
from individuals.sighting_file import CountedSightings, save_crops, save_sightings
from individuals.sighting_table import SightingTable
from inference import Embedder, EmbeddingIndex
from media import load_image, load_waveform, save_waveform
from soundscapes.compose import compose_soundscape
from soundscapes.outputs import PredictionWriter
from soundscapes.recording_scores import RecordingScores

RATE_HZ, SECONDS = 22_050, 60.0
PER_BIRD = 4


def write_world(folder: Path, aviary: Aviary, embedder: Embedder) -> ServeSettings:
    """All that `serve` can be given, but for the encoder."""
    photos = [
        photo
        for bird in sorted(aviary.images.iterdir())
        for photo in sorted(bird.glob("*.jpg"))[:PER_BIRD]
    ]
    table = write_count(folder / "count", photos, embedder)
    return ServeSettings(
        encoder=embedder.path,
        index=str(write_index(folder / "birds.index", photos, aviary, embedder)),
        catalogue=write_catalogue(folder / "birds.catalogue", photos, table),
        review=folder / "count",
        heard=write_heard(folder, aviary),
        runs=write_run(folder / "run"),
        port=0,
        num_decoders=1,
    )


def write_index(path: Path, photos: list[Path], aviary: Aviary, embedder: Embedder) -> Path:
    sounds = [sorted(bird.glob("*.flac"))[0] for bird in sorted(aviary.audio.iterdir())]
    files = [*photos, *sounds]
    rows = embedder.embed([*photos, *[None] * len(sounds)], [*[None] * len(photos), *sounds])
    kinds = ["image"] * len(photos) + ["recording"] * len(sounds)
    told = [
        {"class": file.parent.name, kind: str(file)}
        for file, kind in zip(files, kinds, strict=True)
    ]
    with EmbeddingIndex.open(path) as index:
        index.add([str(file) for file in files], rows, told)
    return path


def write_count(folder: Path, photos: list[Path], embedder: Embedder) -> SightingTable:
    """Each photo is a moment of a film, and was counted as an individual of its own."""
    sightings = tuple(
        Sighting(media=f"films/{photo.parent.name}.mp4", time_seconds=2.0 * k, tracklet=k)
        for k, photo in enumerate(photos)
    )
    crops = tuple(load_image(photo) for photo in photos)
    table = save_crops(folder, SightingTable(sightings, embedder.embed(photos), crops))
    vectors = np.asarray(table.embeddings)
    middle = float(np.quantile(vectors @ vectors.T, 0.7))
    save_sightings(folder, CountedSightings(table, np.arange(len(photos)), middle))
    return table


def write_catalogue(path: Path, photos: list[Path], table: SightingTable) -> Path:
    here = [replace(s, crop=str(path.parent / "count" / str(s.crop))) for s in table.sightings]
    birds = [photo.parent.name for photo in photos]
    with Catalogue.open(path, prefix="BIRD") as catalogue:
        for bird in dict.fromkeys(birds):
            rows = [k for k, name in enumerate(birds) if name == bird]
            part = SightingTable(tuple(here[k] for k in rows), table.embeddings[rows])
            catalogue.add(part)
        catalogue.rename("BIRD-0001", "Zoë 鳥")
    return path


def write_heard(folder: Path, aviary: Aviary, num_events: int = 14) -> Path:
    """A soundscape, and what is in it as if it had been detected."""
    songs: dict[str, list[np.ndarray]] = {}
    for file in sorted(aviary.audio.rglob("*.flac")):
        species = file.parent.name.rpartition("_")[0]
        songs.setdefault(species, []).append(load_waveform(file, sample_rate_hz=RATE_HZ))
    sound, truth = compose_soundscape(
        songs,
        sample_rate_hz=RATE_HZ,
        duration_seconds=SECONDS,
        events=num_events,
        signal_to_noise_db=(6.0, 18.0),
    )
    recording = folder / "dawn chorus.wav"
    save_waveform(recording, sound, RATE_HZ)
    scores = np.linspace(0.52, 0.97, len(truth))
    events = [
        replace(event, file=str(recording), score=float(score))
        for event, score in zip(truth, scores, strict=True)
    ]
    write_prediction(folder / "heard", str(recording), events, tuple(songs))
    return folder / "heard"


def write_prediction(folder, file, events, names, seconds=SECONDS):
    """What `classify predict` would have written."""
    folder.mkdir()
    nothing = np.full((0, len(names)), np.nan, np.float32)
    row = FileRow(file, "recording", "ok", decoded_seconds=seconds)
    broken = FileRow(f"{file}.broken", "recording", "unreadable", "it is <b>no</b> recording")
    levels = np.full(len(names), 0.5)
    with PredictionWriter(folder, [row.file, broken.file], names, levels, 5.0) as writer:
        for one, found in ((row, events), (broken, [])):
            scores = np.full(len(names), np.nan, np.float32)
            writer.write(RecordingScores(one.file, one, (), nothing, scores), found)
    told = {"thresholds": dict.fromkeys(names, 0.5), "certified": False}
    (folder / "prediction.json").write_text(json.dumps(told), "utf-8")


def write_run(folder: Path) -> Path:
    folder.mkdir()
    side = {"images": [["a.jpg", 0, "x", None, None]], "recordings": []}
    record = {
        "class_names": ["cobalt_wren", "dusk_thrush"],
        "training": side,
        "held_out": side,
        "skipped": [{"path": "broken.jpg", "reason": "it is cut short"}],
        "options": {"epochs": 4, "margin": 0.2},
        "history": {"loss": [2.0, 1.0, 0.6, 0.4], "val_precision_at_1": [0.6, 0.8, 0.9, 0.9]},
    }
    (folder / "run.json").write_text(json.dumps(record), "utf-8")
    return folder
