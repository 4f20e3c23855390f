"""The grouping rule that a calibration carries: a threshold, and how far off counts by it were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple


class CountTrial(NamedTuple):
    """Observations of known individuals that were grouped as footage would be.

    Attributes:
        num_found: int, groups.
        num_true: int, individuals.
        num_observations: int.
    """

    num_found: int
    num_true: int
    num_observations: int


@dataclass(frozen=True)
class GroupingRule:
    """How embeddings of one modality are grouped into individuals: average linkage down to a threshold.

    Attributes:
        threshold: float in [-1, 1], the mean cosine similarity from which groups are joined.
        held_out_f1: B-cubed F1 on individuals that were left out of the fit; None where they were too few.
        trials: footage made of left-out individuals: what was found, and what was true.
        num_individuals: int, how many individuals it was fitted on.
    """

    threshold: float
    held_out_f1: float | None = None
    trials: tuple[CountTrial, ...] = ()
    num_individuals: int = 0

    # Any: as JSON takes it
    def to_dict(self) -> dict[str, Any]:
        """All of it, as JSON takes it."""
        return vars(self) | {"trials": [list(trial) for trial in self.trials]}

    @classmethod
    def from_dict(cls, record: Mapping[str, Any]) -> GroupingRule:
        """What `to_dict` gave.

        Raises:
            ValueError: it is damaged.
        """
        try:
            f1 = record["held_out_f1"]
            rule = cls(
                float(record["threshold"]),
                None if f1 is None else float(f1),
                tuple(CountTrial(*map(int, trial)) for trial in record["trials"]),
                int(record["num_individuals"]),
            )
            if not -1 <= rule.threshold <= 1 or any(trial.num_found < 1 for trial in rule.trials):
                raise ValueError("a threshold that is no cosine, or a trial without a group")
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"This is no grouping rule, or it is damaged ({type(error).__name__}: {error}). "
                "Calibrate the encoder again."
            ) from error
        return rule
