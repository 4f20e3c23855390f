"""When a student says "unknown": the published rule, and rules that are chosen and calibrated."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from media.atomic import write_text_atomically

UNKNOWN_FILE = "unknown.json"
UNKNOWN_BELOW = 0.7
"""The published rule: a prediction with a lower probability is "unknown"."""
UnknownKind = Literal["softmax", "temperature", "energy", "distance"]
_TEMPERATURES = (0.25, 20.0)
"""Colder, all probabilities of a student that is never wrong would be 1, and none below a threshold."""
UNKNOWN_KINDS: tuple[UnknownKind, ...] = get_args(UnknownKind)


@dataclass(frozen=True)
class UnknownRule:
    """From logits alone to "known" or "unknown", so that it goes with an exported student too.

    A clip is known where its score is at least the threshold. The score is

    - "softmax": the highest probability;
    - "temperature": the same of logits / temperature;
    - "energy": log(sum(exp(logits))), how much evidence there is in all;
    - "distance": minus the Mahalanobis distance of the logits to the nearest species' mean.

    Args:
        kind: one of those.
        threshold: float.
        temperature: float > 0, of "temperature".
        means: float [num_classes, num_classes], of "distance": each species' mean logits.
        precision: float [num_classes, num_classes], of "distance": the inverse covariance of all species.
        figures: what was measured, as JSON holds it, see `calibrate_unknown`.
    """

    kind: UnknownKind = "softmax"
    threshold: float = UNKNOWN_BELOW
    temperature: float = 1.0
    means: tuple[tuple[float, ...], ...] = ()
    precision: tuple[tuple[float, ...], ...] = ()
    figures: dict[str, object] = field(default_factory=dict, compare=False)

    def scores(self, logits: np.ndarray) -> np.ndarray:
        """How surely each clip is of a known species: [num_clips, num_classes] -> [num_clips]."""
        logits = np.asarray(logits, float)
        if self.kind == "energy":
            return np.logaddexp.reduce(logits, axis=1)
        if self.kind == "distance":
            apart = logits[:, None] - np.array(self.means)[None]
            squares = np.einsum("ncd,de,nce->nc", apart, np.array(self.precision), apart)
            return -np.sqrt(np.maximum(squares, 0).min(axis=1))
        return softmax(logits / self.temperature).max(axis=1)

    def is_known(self, logits: np.ndarray) -> np.ndarray:
        """Bool [num_clips]."""
        return self.scores(logits) >= self.threshold


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities of each row."""
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


PUBLISHED_RULE = UnknownRule()
"""A highest probability below 0.7 is "unknown". It is not calibrated."""


@dataclass(frozen=True)
class LogitsOf:
    """Logits of clips whose species is known to the student.

    Args:
        logits: float [num_clips, num_classes].
        truth: int [num_clips].
        sources: str [num_clips], what each comes from.
    """

    logits: np.ndarray
    truth: np.ndarray
    sources: np.ndarray


@dataclass(frozen=True)
class LeftOutTrial:
    """What a student said that had never heard of some species.

    Args:
        left_out: their names.
        training: of clips that it was trained on.
        validation: of others of its species.
        unknown: float [num_clips, num_classes], logits of clips of the species left out.
    """

    left_out: tuple[str, ...]
    training: LogitsOf
    validation: LogitsOf
    unknown: np.ndarray


def fit_unknown_rule(
    kind: UnknownKind, training: LogitsOf, validation: LogitsOf, *, kept_share: float = 0.95
) -> UnknownRule:
    """A rule that calls the wanted share of the validation clips known.

    Args:
        kind: of the rule.
        training: of clips that the student was trained on: means of "distance".
        validation: of others: temperature and threshold.
        kept_share: float in (0, 1).

    Reference:
        Guo et al., On Calibration of Modern Neural Networks, 2017, https://arxiv.org/abs/1706.04599;
        Liu et al., Energy-based Out-of-distribution Detection, 2020, https://arxiv.org/abs/2010.03759;
        Lee et al., A Simple Unified Framework for Detecting Out-of-Distribution Samples, 2018,
        https://arxiv.org/abs/1807.03888 (on logits here, which an exported student gives).
    """
    if not 0 < kept_share < 1:
        raise ValueError(f"Expected kept_share in (0, 1), received {kept_share}.")
    shape = UnknownRule(kind)
    if kind == "temperature":
        shape = UnknownRule(kind, temperature=best_temperature(validation))
    if kind == "distance":
        shape = _distances(training)
    threshold = np.quantile(shape.scores(validation.logits), 1 - kept_share, method="lower")
    return UnknownRule(kind, float(threshold), shape.temperature, shape.means, shape.precision, {})


def calibrate_unknown(
    trials: Sequence[LeftOutTrial],
    training: LogitsOf,
    validation: LogitsOf,
    *,
    kept_share: float = 0.95,
) -> UnknownRule:
    """The kind of rule that best tells species left out from known ones, calibrated for this student.

    The kind is chosen by its mean AUROC over the trials. Its rates are measured where they were not set:
    each trial's threshold on one half of the sources of its validation clips, the share kept on the other.
    The published rule's rates stand beside.

    Args:
        trials: from `leave_species_out`; other students of the same recipe, each without some species.
        training: what the student to be calibrated says of its training clips.
        validation: and of others.
        kept_share: float in (0, 1), of clips of known species that shall be called known.

    Returns:
        The rule; `figures` has, of each kind, `auroc`, `auroc_of` (each trial), `known_kept` and
        `unknown_refused`; and the same of "published".
    """
    if not trials:
        raise ValueError("Expected at least one trial with species left out, received none.")
    figures: dict[str, object] = {}
    means: dict[UnknownKind, float] = {}
    for kind in UNKNOWN_KINDS:
        measured = [_measured(kind, trial, kept_share) for trial in trials]
        means[kind] = float(np.mean([one[0] for one in measured]))
        figures[kind] = _told(measured)
    figures["published"] = _told([_measured(None, trial, kept_share) for trial in trials])
    best = max(means, key=lambda kind: means[kind])
    rule = fit_unknown_rule(best, training, validation, kept_share=kept_share)
    told = {"kept_share": kept_share, "left_out": [trial.left_out for trial in trials], **figures}
    return UnknownRule(
        rule.kind, rule.threshold, rule.temperature, rule.means, rule.precision, told
    )


def best_temperature(validation: LogitsOf) -> float:
    """By which logits are to be divided so that probabilities are as likely as they can be."""
    from scipy.optimize import minimize_scalar

    every = np.arange(len(validation.truth))

    def loss(log_temperature: float) -> float:
        scaled = np.asarray(validation.logits, float) / np.exp(log_temperature)
        chances = scaled - np.logaddexp.reduce(scaled, axis=1, keepdims=True)
        return float(-chances[every, validation.truth].mean())

    return float(np.exp(minimize_scalar(loss, bounds=np.log(_TEMPERATURES), method="bounded").x))


def save_unknown_rule(path: str | Path, rule: UnknownRule) -> Path:
    """Writes JSON: a file, or `unknown.json` in the folder of a student."""
    return write_text_atomically(_file(path), json.dumps(asdict(rule), indent=1))


def load_unknown_rule(path: str | Path) -> UnknownRule:
    """What `save_unknown_rule` wrote.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is damaged.
    """
    file = _file(path)
    if not file.is_file():
        raise FileNotFoundError(
            f"No rule for \"unknown\" at '{file}'. `fused-encoder student unknown` calibrates one."
        )
    try:
        return unknown_rule_from(json.loads(file.read_text("utf-8")))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"'{file}' is damaged ({error}). Calibrate again.") from error


def unknown_rule_from(record: dict[str, object]) -> UnknownRule:
    """A rule as JSON holds it; ValueError, KeyError or TypeError where it is none."""
    tables = {
        name: tuple(tuple(map(float, row)) for row in record[name])  # type: ignore[attr-defined]
        for name in ("means", "precision")
    }
    if record["kind"] not in UNKNOWN_KINDS:
        raise ValueError(f"kind {record['kind']!r} is none of {', '.join(UNKNOWN_KINDS)}")
    return UnknownRule(**{**record, **tables})  # type: ignore[arg-type] # TypeError is the caller's


def _distances(training: LogitsOf) -> UnknownRule:
    from sklearn.covariance import ledoit_wolf

    logits, truth = np.asarray(training.logits, float), training.truth
    means = np.array([logits[truth == number].mean(axis=0) for number in range(logits.shape[1])])
    covariance, _ = ledoit_wolf(logits - means[truth], assume_centered=True)
    precision = np.linalg.pinv(covariance, hermitian=True)
    return UnknownRule(
        "distance",
        means=tuple(map(tuple, means.tolist())),
        precision=tuple(map(tuple, precision.tolist())),
    )


def _measured(
    kind: UnknownKind | None, trial: LeftOutTrial, kept_share: float
) -> tuple[float, float, float]:
    """AUROC, share of known clips kept, share of unknown ones refused; None is the published rule."""
    from sklearn.metrics import roc_auc_score

    known = trial.validation
    if kind is None:
        whole, halves = PUBLISHED_RULE, [(PUBLISHED_RULE, np.full(len(known.truth), True))]
    else:
        whole = fit_unknown_rule(kind, trial.training, known, kept_share=kept_share)
        halves = [
            (
                fit_unknown_rule(kind, trial.training, _part(known, side), kept_share=kept_share),
                ~side,
            )
            for side in _halves(known.sources)
        ]
    scores = np.concatenate([whole.scores(known.logits), whole.scores(trial.unknown)])
    is_known = np.arange(len(scores)) < len(known.truth)
    kept = [rule.is_known(known.logits[others]).mean() for rule, others in halves]
    refused = [1 - rule.is_known(trial.unknown).mean() for rule, _ in halves]
    return float(roc_auc_score(is_known, scores)), float(np.mean(kept)), float(np.mean(refused))


def _halves(sources: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which clips are of every other source; and which are not."""
    _, number = np.unique(sources, return_inverse=True)
    return number % 2 == 0, number % 2 == 1


def _part(one: LogitsOf, side: np.ndarray) -> LogitsOf:
    chosen = side if side.any() else ~side  # a single source has one half only
    return LogitsOf(one.logits[chosen], one.truth[chosen], one.sources[chosen])


def _told(measured: list[tuple[float, float, float]]) -> dict[str, object]:
    auroc, kept, refused = np.mean(measured, axis=0).tolist()
    each = [one[0] for one in measured]
    return {"auroc": auroc, "auroc_of": each, "known_kept": kept, "unknown_refused": refused}


def _file(path: str | Path) -> Path:
    path = Path(path)
    return path if path.suffix == ".json" else path / UNKNOWN_FILE
