"""The demo: the whole job in one go, on generated birds or on the user's own folders."""

from __future__ import annotations

import os
import shlex
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np

from app.cli.evaluate import evaluation_table, write_metrics
from app.demo_count import count_videos
from app.demo_sounds import hear_soundscape
from app.reports.report import write_evaluation_report
from aviary import Aviary, Size, write_aviary
from fused_encoder import LogMelFeatures, load_yamnet
from fused_encoder.front_ends.yamnet import Yamnet
from fused_encoder.weights import MissingWeightsError
from inference import Embedder, EmbeddingIndex, export_saved_model
from training import PairBatches, TrainingOptions, recommended_encoder, train_encoder
from training.calibration import calibrate_held_out
from training.evaluate import Evaluation, evaluate_encoder
from training.fit import TrainedEncoder
from training.run import save_run
from triplets import FeatureStore

AVIARY_OPTIONS = TrainingOptions(
    batches=PairBatches(classes_per_batch=12, pairs_per_class=4, steps_per_epoch=50),
    epochs=8,
)
OWN_OPTIONS = TrainingOptions()


@dataclass(frozen=True)
class Material:
    """What a demo works on.

    Args:
        images: folder of class folders.
        audio: the same classes.
        held_out: folders of held-out photos and recordings, or None to hold some out.
        aviary: the generated sample data, or None for the user's own.
        yamnet: what hears.
        front_end_source: as in `save_run`.
        encoder: what is trained.
        note: what the reader should know about both.
    """

    images: Path
    audio: Path
    held_out: tuple[Path, Path] | None
    aviary: Aviary | None
    yamnet: Yamnet
    front_end_source: str | None
    encoder: keras.Model
    note: str


def run_demo(material: Material, out: Path, options: TrainingOptions) -> TrainedEncoder:
    """Prepares, trains, evaluates, exports, indexes, queries, counts, reports, and prints a table.

    Args:
        material: from `aviary_material` or `own_material`.
        out: folder that gets everything.
        options: how to train.

    Returns:
        The trained encoder, whose `skipped` lists what could not be used.
    """
    started = time.monotonic()
    print(material.note)
    trained = train_encoder(
        material.images,
        material.audio,
        material.yamnet,
        held_out=material.held_out,
        encoder=material.encoder,
        options=options,
        store=FeatureStore(out / "features"),
    )
    save_run(
        out / "run",
        trained,
        options,
        front_end_source=material.front_end_source,
        front_end=material.yamnet,
    )
    embedder, evaluation = _export(trained, material, out / "encoder", options)
    correct, asked = _query(embedder, trained, evaluation, out / "birds.index")
    write_metrics(out / "metrics.json", evaluation)
    print(f"\n{evaluation_table(evaluation)}")
    print(f"index: {correct} of {asked} held-out pairs found their class first")
    aviary = material.aviary
    figures, counted = count_videos(aviary, embedder, out) if aviary else ({}, {})
    heard: dict[str, object] = {}
    if aviary:
        pictures, heard = hear_soundscape(aviary, out, options.seed)
        figures |= pictures
    report = write_evaluation_report(
        out / "report.html",
        "fused-encoder: the demo",
        evaluation,
        trained.training,
        trained.held_out,
        history=trained.history,
        template="demo.html",
        figures=figures,
        counted=counted,
        heard=heard,
    )
    print(f"\nDone in {time.monotonic() - started:.0f} s. The report is in '{report}'.")
    print(f"To look around in a browser: {serve_command(out)}")
    return trained


def serve_command(out: Path) -> str:
    """The command that opens a demo's results in the page."""
    program = os.path.relpath(Path(sys.executable).with_name("fused-encoder"))
    parts = {"encoder": "encoder", "index": "birds.index", "runs": "run"}
    parts |= {"review": "counted", "heard": "heard"}  # of generated birds only
    given = {name: out / place for name, place in parts.items() if (out / place).exists()}
    told = [word for name, place in given.items() for word in (f"--{name}", str(place))]
    return shlex.join([program, "serve", *told])


def aviary_material(out: Path, size: Size, seed: int) -> Material:
    """Generated birds, and an encoder that needs no pretrained weights."""
    keras.utils.set_random_seed(seed)  # for the encoder's weights
    aviary = write_aviary(out / "aviary", size=size, seed=seed)
    return Material(
        aviary.images,
        aviary.audio,
        (aviary.held_out_images, aviary.held_out_audio),
        aviary,
        LogMelFeatures(),
        "log_mel",
        recommended_encoder(image_backbone="small_cnn", image_weights=None, seed=seed),
        "Generated birds. So that it needs no download, the encoder starts from random weights: a small "
        "image network, and log-mel features in YAMNet's place. Nothing here is evidence about real birds.",
    )


def own_material(images: Path, audio: Path, seed: int) -> Material:
    """The user's folders, with pretrained weights where they can be had."""
    keras.utils.set_random_seed(seed)  # for the encoder's weights
    try:
        yamnet: Yamnet = load_yamnet()
        encoder = recommended_encoder(seed=seed)
        source, note = None, "Your folders, with pretrained MobileNetV2 and YAMNet."
    except MissingWeightsError as error:
        yamnet, source = LogMelFeatures(), "log_mel"
        encoder = recommended_encoder(image_backbone="small_cnn", image_weights=None, seed=seed)
        note = (
            f"WITHOUT PRETRAINED WEIGHTS, expect poor results: {error}\nGoing on with a small image "
            "network from random weights, and log-mel features in YAMNet's place."
        )
    return Material(images, audio, None, None, yamnet, source, encoder, note)


def demo_options(material: Material, epochs: int | None, seed: int) -> TrainingOptions:
    """The options that fit the material."""
    options = AVIARY_OPTIONS if material.aviary else OWN_OPTIONS
    return replace(options, epochs=epochs or options.epochs, seed=seed)


def _export(
    trained: TrainedEncoder, material: Material, path: Path, options: TrainingOptions
) -> tuple[Embedder, Evaluation]:
    live = Embedder.from_encoder(
        trained.encoder,
        material.yamnet,
        audio_seconds=options.window_seconds,
        max_windows=options.max_windows,
    )
    evaluation = evaluate_encoder(live, trained.training, trained.held_out, encoder=trained.encoder)
    export_saved_model(
        trained.encoder,
        material.yamnet,
        path,
        audio_seconds=options.window_seconds,
        max_windows=options.max_windows,
        class_names=trained.training.class_names,
        thresholds=evaluation.thresholds,
        calibration=calibrate_held_out(live, trained.held_out),
    )
    return Embedder.load(path), evaluation


def _query(
    embedder: Embedder, trained: TrainedEncoder, evaluation: Evaluation, path: Path
) -> tuple[int, int]:
    """Builds the index of the gallery and asks it with held-out files, by the exported encoder."""
    known, asking = evaluation.gallery, evaluation.queries.pairs
    gallery, held_out = trained.training, trained.held_out
    path.unlink(missing_ok=True)
    with EmbeddingIndex.open(path) as index:
        told = [
            {
                "class": str(label),
                "image": str(gallery.images[i].path.absolute()),
                "recording": str(gallery.recordings[r].path.absolute()),
            }
            for label, i, r in zip(
                known.pairs.labels, known.pairs.images, known.pairs.recordings, strict=True
            )
        ]
        ids = [f"{t['class']}/{Path(t['image']).name}+{Path(t['recording']).name}" for t in told]
        index.add(ids, known.by_pattern["fused"], told)
        queries = embedder.embed(
            [held_out.images[i].path for i in asking.images],
            [held_out.recordings[r].path for r in asking.recordings],
        )
        hits = index.search(queries, k=1)
    found = [hit.metadata["class"] for (hit,) in hits]
    return int(np.sum(np.array(found) == asking.labels)), len(found)
