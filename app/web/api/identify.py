"""Known, new or uncertain: whom of the catalogue an embedding is taken for, by certified thresholds."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING
from uuid import uuid4
from weakref import WeakKeyDictionary

from pydantic import BaseModel, Field

from app.web.api.asked import Embedded
from app.web.services import Services

if TYPE_CHECKING:
    from individuals import Catalogue
    from individuals.catalogue import Thresholds
    from inference import Calibration
    from inference.modalities import Modality

NOT_CERTIFIED = "uncertain"


class IdentifyAnswer(BaseModel):
    """Whom the catalogue takes it for."""

    status: str = Field(description="known, new or uncertain.", examples=["known"])
    individual: str | None = Field(description="Id of a known one.", examples=["NYA-0012"])
    name: str | None = Field(examples=["Zoë"])
    nearest: str | None = Field(
        description="Id of the most similar individual, whatever the status.", examples=["NYA-0012"]
    )
    similarity: float | None = Field(examples=[0.91])
    probability: float | None = Field(examples=[0.99])
    reason: str = Field(examples=["the only similar one"])
    decided_by: str = Field(
        description="By what the status was decided; nothing is ever assigned by it.",
        examples=["thresholds certified for a false-match rate of 1 %"],
    )


async def identify(state: Services, found: Embedded) -> IdentifyAnswer:
    """What the catalogue says of an embedding; nothing is added to it.

    Raises:
        ValueError: the catalogue is of another encoder.
    """
    return await state.work.run(_identify, state, found)


def _identify(state: Services, found: Embedded) -> IdentifyAnswer:
    from app.catalogue_thresholds import FALSE_MATCH_RATE
    from individuals import Sighting, SightingTable

    catalogue, calibration = state.workspace.catalogue, state.workspace.embedder.calibration
    if calibration is None:
        return _open("The encoder has no calibration, so that nobody is called known or new.")
    try:
        thresholds = _thresholds.of(catalogue, calibration, found.modality)
    except ValueError as error:
        return _open(f"No threshold can be certified: {error}")
    name = f"query-{uuid4().hex}"
    sighting = Sighting(media=name, key=name, modality=found.modality)
    (answer,) = catalogue.identify(SightingTable((sighting,), found.embedding), thresholds)
    names = {one.id: one.name for one in catalogue.individuals()}
    return IdentifyAnswer(
        status=answer.status,
        individual=answer.individual,
        name=names.get(answer.individual or ""),
        nearest=answer.nearest,
        similarity=answer.similarity,
        probability=answer.probability,
        reason=answer.reason,
        decided_by=f"thresholds certified for a false-match rate of {FALSE_MATCH_RATE:.0%}",
    )


def _open(reason: str) -> IdentifyAnswer:
    return IdentifyAnswer(
        status=NOT_CERTIFIED,
        individual=None,
        name=None,
        nearest=None,
        similarity=None,
        probability=None,
        reason=reason,
        decided_by="nothing",
    )


class _KeptThresholds:
    """Those of a catalogue as it is now: they take long to work out, and change with its log."""

    def __init__(self) -> None:
        self._kept: WeakKeyDictionary[Catalogue, dict[tuple[str, int], Thresholds]]
        self._kept = WeakKeyDictionary()
        self._lock = threading.Lock()

    def of(self, catalogue: Catalogue, calibration: Calibration, asked: Modality) -> Thresholds:
        from app.catalogue_thresholds import certified_thresholds

        key = asked, len(catalogue.log())
        with self._lock:
            kept = self._kept.setdefault(catalogue, {})
            if key not in kept:
                kept.clear()
                kept[key] = certified_thresholds(catalogue, calibration, [asked])
            return kept[key]


_thresholds = _KeptThresholds()
