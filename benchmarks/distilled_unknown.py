"""Whether a student knows what it was never taught: each two species left out of training in turn.

Part of distillation.py (`--only unknown`). Of the known species a fifth of the recordings is held out, and a
fifth of the others chooses the best epoch, temperature and threshold. Asked about are the held-out recordings
and all of the species left out, by the mean logits of a recording's clips. Figures are means over the pairs.

- `unknown_auroc_<kind>`: of known against unknown by the score of each kind of rule, see `UnknownRule`.
- `unknown_auroc`: of the kind that has the highest AUROC with the other pairs left out, so that no pair
  chooses for itself; `unknown_minus_softmax` is what that gains, `..._worst` in the worst pair.
- `unknown_known_kept`, `unknown_refused`: with that kind, shares of held-out recordings called known and of
  unknown ones called unknown; its threshold keeps 95 % of the recordings that chose the best epoch.
  `published_known_kept`, `published_refused`: by the published rule, a highest probability of at least 0.7.
"""

from dataclasses import replace

import common
import numpy as np


def unknown_figures(recordings, options) -> common.Figures:
    """All of them."""
    from student.unknown import PUBLISHED_RULE, UNKNOWN_KINDS

    trials = [_trial(recordings, 2 * pair, options) for pair in range(options.pairs)]
    areas = {kind: np.array([_area(*trial[kind]) for trial in trials]) for kind in UNKNOWN_KINDS}
    every = np.arange(len(trials))
    chosen = [
        max(
            UNKNOWN_KINDS,
            key=lambda kind, out=out: areas[kind][(every != out) | (len(every) < 2)].mean(),
        )
        for out in every
    ]
    auroc = np.array([areas[kind][pair] for pair, kind in enumerate(chosen)])
    gain = auroc - areas["softmax"]
    rates = [_rates(*trial[kind]) for trial, kind in zip(trials, chosen, strict=True)]
    published = [_rates(PUBLISHED_RULE, *trial["softmax"][1:]) for trial in trials]
    kept, refused = np.mean(rates, axis=0).tolist()
    published_kept, published_refused = np.mean(published, axis=0).tolist()
    return {
        **{f"unknown_auroc_{kind}": float(each.mean()) for kind, each in areas.items()},
        "unknown_auroc": float(auroc.mean()),
        "unknown_minus_softmax": float(gain.mean()),
        "unknown_minus_softmax_worst": float(gain.min()),
        "unknown_known_kept": kept,
        "unknown_refused": refused,
        "published_known_kept": published_kept,
        "published_refused": published_refused,
    }


def _trial(recordings, first: int, options):
    """Of each kind: the rule, and the logits of held-out and of unknown recordings."""
    from distillation import heard, recipe, teacher_of, trained_student

    from soundscapes import LabelledRecordings, split_recordings
    from student.unknown import UNKNOWN_KINDS, fit_unknown_rule

    left_out = (first, first + 1)
    names = [name for k, name in enumerate(recordings.class_names) if k not in left_out]
    places = {
        k: names.index(name) for k, name in enumerate(recordings.class_names) if name in names
    }
    ones = [
        replace(one, primary=places[one.primary]) for one in recordings if one.primary in places
    ]
    training, held_out = split_recordings(LabelledRecordings(tuple(names), tuple(ones)), seed=first)
    training, validation = split_recordings(training, seed=first)
    strangers = recordings.only([k for k, one in enumerate(recordings) if one.primary in left_out])
    clips, others, asked, strange = map(heard, (training, validation, held_out, strangers))
    _, taught = teacher_of(clips, first)
    student = trained_student(clips, others, taught, recipe(options, first))
    known, choosing = (_said(student, side) for side in (clips, others))
    logits = [_said(student, side).logits for side in (asked, strange)]
    return {kind: (fit_unknown_rule(kind, known, choosing), *logits) for kind in UNKNOWN_KINDS}


def _said(student, clips):
    """Of each recording the mean logits, its species and its source."""
    from distillation import logits_of

    from student.clips import recording_means, sources_of
    from student.unknown import LogitsOf

    logits = recording_means(logits_of(student, clips), clips.recording_of)
    return LogitsOf(logits, clips.recordings.primary, np.array(sources_of(clips.recordings)))


def _area(rule, known: np.ndarray, unknown: np.ndarray) -> float:
    from sklearn.metrics import roc_auc_score

    scores = np.concatenate([rule.scores(known), rule.scores(unknown)])
    return float(roc_auc_score(np.arange(len(scores)) < len(known), scores))


def _rates(rule, known: np.ndarray, unknown: np.ndarray) -> tuple[float, float]:
    """Shares of known recordings that are kept and of unknown ones that are refused."""
    return float(rule.is_known(known).mean()), float(1 - rule.is_known(unknown).mean())
