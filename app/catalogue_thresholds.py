"""The certified thresholds of a catalogue for what is to be identified, as commands and service do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from individuals import Catalogue
    from individuals.catalogue import Thresholds
    from inference import Calibration
    from inference.modalities import Modality

FALSE_MATCH_RATE, MISS_RATE = 0.01, 0.05


def certified_thresholds(
    catalogue: Catalogue,
    calibration: Calibration,
    asked: Iterable[Modality],
    *,
    false_match_rate: float = FALSE_MATCH_RATE,
    miss_rate: float = MISS_RATE,
    margin: float | None = None,
) -> Thresholds:
    """Thresholds for all kinds of pairs of what is asked and what the catalogue holds.

    Args:
        catalogue: of known individuals.
        calibration: of its encoder.
        asked: the modalities that are to be identified.
        false_match_rate: float in (0, 1), of unknown animals.
        miss_rate: float in (0, 1), of known animals.
        margin: float >= 0, of log-odds; None for the default.
    Raises:
        ValueError: as `Thresholds.calibrated`.
    """
    from individuals.catalogue import Thresholds
    from inference.modalities import pair_pattern

    known = {
        sighting.modality
        for individual in catalogue.individuals()
        for sighting in catalogue.sightings(individual.id).sightings
    }
    patterns = sorted({pair_pattern(one, other) for one in asked for other in known})
    told = {} if margin is None else {"margin": margin}
    return Thresholds.calibrated(
        calibration,
        false_match_rate=false_match_rate,
        miss_rate=miss_rate,
        patterns=patterns or ("image-image",),
        known_scores={f"{kind}-{kind}": catalogue.known_scores(kind) for kind in known},
        **told,
    )
