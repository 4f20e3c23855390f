"""What each step of the augmentation does for a network on spectrograms, on its own.

python benchmarks/augmentation_ablation.py [--folds 5] [--epochs 15] [--waveforms] [--json FILE]

Species, recordings and folds are those of benchmarks/sound_classification.py. One network is trained without
any augmentation, one with each step alone, and one with the defaults; seeds, clips and numbers of steps are
the same. Figures are of all held-out recordings; `<step>_gain` is the average precision above that without
augmentation, `<step>_top1_low` and `_high` the 95 % interval of the difference of top-1, paired by recording.
Without --waveforms: the steps that vary stored rows; with it: those that vary sound, clips decoded anew.
"""

import logging
from dataclasses import fields

import common
import numpy as np
from sound_classification import every_recording, trained_scores

OF_SOUND = ("background_noise", "remove_start", "add_same_species", "waveform_mixup", "gain")
OF_ROWS = (
    *("time_stretch", "pitch_shift", "time_cut_mix", "spectrogram_mixup", "level_change"),
    *("floor_change", "time_mask", "frequency_mask"),
)


def main() -> None:
    """Measures each step."""
    options = common.read_options(
        __doc__, folds=5, epochs=15, network="mobilenet_v2", waveforms=False
    )
    common.weights_folder()
    logging.disable(logging.WARNING)  # notes on low sample rates, hundreds of them
    common.report(options.json, ablation(options))


def ablation(options) -> common.Figures:
    """Average precision and top-1 of every way, and what it gains."""
    from soundscapes import fold_recordings, measure_scores
    from soundscapes.evaluate import paired_interval

    folds = list(fold_recordings(every_recording(), num_folds=5, seed=0))[: options.folds]
    labels = np.concatenate([held_out.labels() for _, held_out in folds])
    primary = np.concatenate([held_out.primary for _, held_out in folds])
    sources = np.array([str(one.path) for _, held_out in folds for one in held_out])
    figures: common.Figures = {}
    plain_hits = plain_precision = None
    for name, augmentation in ways(options.waveforms).items():
        scores = np.concatenate(
            [
                trained_scores(
                    *(training, held_out, "mel", number),
                    network=options.network,
                    epochs=options.epochs,
                    augmentation=augmentation,
                    from_waveforms=options.waveforms,
                )
                for number, (training, held_out) in enumerate(folds)
            ]
        )
        measured = measure_scores(scores, labels, primary)
        hits = scores.argmax(axis=1) == primary
        figures |= {f"{name}_top1": measured.top1, f"{name}_ap": measured.average_precision}
        if plain_hits is None:
            plain_hits, plain_precision = hits, measured.average_precision
            continue
        figures[f"{name}_gain"] = measured.average_precision - plain_precision
        interval = paired_interval(hits, plain_hits, sources)
        figures[f"{name}_top1_low"], figures[f"{name}_top1_high"] = interval
        common.report(options.json, figures)
    return figures


def ways(of_sound: bool):
    """None, each step alone with its own defaults, and all that are on by default."""
    from soundscapes import Augmentation, augmentation

    kinds = {
        name: getattr(augmentation, "".join(part.title() for part in name.split("_")))
        for name in (OF_SOUND if of_sound else OF_ROWS)
    }
    steps = {name: Augmentation.only(**{name: kind()}) for name, kind in kinds.items()}
    known = {field.name for field in fields(Augmentation)}
    if unknown := set(steps) - known:
        raise RuntimeError(f"Augmentation has no {sorted(unknown)}.")
    return {"none": None, **steps, "all": Augmentation()}


if __name__ == "__main__":
    main()
