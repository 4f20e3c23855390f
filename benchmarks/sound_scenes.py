"""Soundscapes of recordings that a classifier has never heard: who sings in which five seconds of them.

Part of sound_classification.py (`--only soundscapes`). Of each fold, a head on BirdNET is trained, and ten
soundscapes of a minute are composed of the held-out recordings: ten events each, at random times, 0 to 12 dB
above pink noise, over each other where they meet. Figures are means over folds.

- `segment_auroc`, `segment_ap`: of the scores of 5 s segments, means over species. `_kernel`: neighbours
  weighted by .1 .2 .4 .2 .1; `_neighbours`: (1-a)p + a/2(neighbours), a = 0.2; `_top2`: times the mean of the
  file's top two; `_max`: times file_max**0.4; `_shifts`: heard three times, each from a later start.
  `_gain`: less the plain score; `_worst` is the lowest gain of a fold.
- `realised_rate`: thresholds are certified for a false-positive rate of `asked_rate` on half of the held-out
  recordings, and held against the other half: the share of pairs of a species and a recording without it in
  which an event is claimed, with the 95 % interval that resamples recordings. `species_exceeding`: share of
  species whose exact interval lies above the rate, which 1 in 40 may by chance. `published_rate` and
  `published_exceeding`: the same with the one threshold of the published rule.
"""

import tempfile
from pathlib import Path

import common
import numpy as np

NUM_SCENES, SCENE_SECONDS, NUM_EVENTS, RATE_HZ = 10, 60.0, 10, 48_000
ASKED_RATE = 0.2  # of half a fold, 17 recordings, 14 certify it


def scenes(folds) -> common.Figures:
    """All figures, means over folds."""
    from sound_classification import trained_classifier

    segments, rates = [], []
    for number, (training, held_out) in enumerate(folds):
        classifier = trained_classifier(training, "birdnet", number)
        segments.append(_segments(classifier, held_out, number))
        rates.append(_rates(classifier, held_out, number))
    figures = common.mean_of(segments)
    plain = {what: [each[what] for each in segments] for what in ("segment_auroc", "segment_ap")}
    for name in [name for name in figures if name not in plain]:
        what = next(each for each in plain if name.startswith(each))
        gains = np.array([each[name] for each in segments]) - plain[what]
        figures |= {f"{name}_gain": float(gains.mean()), f"{name}_worst": float(gains.min())}
    return figures | _pooled(rates)


def _segments(classifier, held_out, seed: int) -> common.Figures:
    from archives.embed.sources import Source
    from media import load_waveform, save_waveform
    from soundscapes import (
        PredictionSettings,
        Smoothing,
        compose_soundscape,
        listen,
        measure_scores,
        segment_labels,
        smooth_scores,
    )

    waves: dict[str, list[np.ndarray]] = {}
    for one in held_out:
        wave = load_waveform(one.path, sample_rate_hz=RATE_HZ, max_seconds=30)
        waves.setdefault(held_out.class_names[one.primary], []).append(wave)
    smoothings = {
        "": Smoothing(),
        "_kernel": Smoothing(kernel=(0.1, 0.2, 0.4, 0.2, 0.1)),
        "_neighbours": Smoothing(neighbour_share=0.2),
        "_top2": Smoothing(num_top=2),
        "_max": Smoothing(max_power=0.4),
    }
    truth, labels = {}, []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(NUM_SCENES):
            path = Path(folder, f"{number}.wav")
            scene, events = compose_soundscape(
                waves,
                sample_rate_hz=RATE_HZ,
                duration_seconds=SCENE_SECONDS,
                events=NUM_EVENTS,
                seed=7000 + 1000 * seed + number,
            )
            save_waveform(path, scene, RATE_HZ)
            truth[str(path)] = segment_labels(events, held_out.class_names, SCENE_SECONDS)
        sources = [Source("recording", Path(path)) for path in truth]
        heard = {one.file: one.segments for one in listen([classifier], sources)}
        shifted = {
            one.file: one.segments
            for one in listen([classifier], sources, settings=PredictionSettings(num_shifts=3))
        }
    labels = np.concatenate(list(truth.values()))
    scores = {
        name: np.concatenate([smooth_scores(heard[file], smoothing) for file in truth])
        for name, smoothing in smoothings.items()
    }
    scores["_shifts"] = np.concatenate([shifted[file] for file in truth])
    figures: common.Figures = {}
    for name, each in scores.items():
        measures = measure_scores(each, labels)
        figures[f"segment_auroc{name}"] = measures.auroc
        figures[f"segment_ap{name}"] = measures.average_precision
    return figures


def _rates(classifier, held_out, seed: int):
    """Of certified and of published thresholds: for each pair whether it is claimed; realised rates."""
    from archives.embed.sources import Source
    from soundscapes import (
        PredictionSettings,
        certify_classifier,
        listen,
        realised_rates,
    )

    order = np.random.default_rng(seed).permutation(len(held_out))
    half = len(order) // 2
    certifying, asking = held_out.only(order[:half]), held_out.only(order[half:])
    thresholds = certify_classifier(classifier, certifying, false_positive_rate=ASKED_RATE)
    settings = PredictionSettings(recording_pooling="max")
    sources = [Source("recording", one.path) for one in asking]
    heard = {one.file: one.recording for one in listen([classifier], sources, settings=settings)}
    scores = np.stack([heard[str(one.path)] for one in asking])
    names = asking.class_names
    certified = np.array([one.threshold is not None for one in thresholds.species])
    told = {}
    for name, levels in (
        ("realised", thresholds.of(names, uncertified=np.inf)),
        ("published", np.full(len(names), thresholds.published)),
    ):
        absent = (asking.labels() == 0) & certified
        claimed = scores > levels
        paths = np.array([str(one.path) for one in asking])
        rates = realised_rates(levels, scores, asking.labels(), paths.tolist(), class_names=names)
        above = [r.low > ASKED_RATE for r, is_in in zip(rates, certified, strict=True) if is_in]
        rows, columns = np.nonzero(absent)
        told[name] = (claimed[rows, columns], paths[rows], above)
    return told


def _pooled(rates) -> common.Figures:
    from inference.metrics import bootstrap_interval

    figures: common.Figures = {"asked_rate": ASKED_RATE}
    for name in ("realised", "published"):
        claimed = np.concatenate([each[name][0] for each in rates]).astype(float)
        recordings = np.concatenate([each[name][1] for each in rates])
        above = np.concatenate([each[name][2] for each in rates])
        low, high = bootstrap_interval(claimed, recordings)
        figures |= {
            f"{name}_rate": float(claimed.mean()),
            f"{name}_rate_low": low,
            f"{name}_rate_high": high,
            f"{'species' if name == 'realised' else name}_exceeding": float(above.mean()),
        }
    return figures
