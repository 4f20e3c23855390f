"""Animals made up for the tests of the catalogue, and a catalogue of two of them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from individuals.catalogue import Catalogue
from individuals.sighting import Sighting
from individuals.sighting_table import SightingTable, join_tables
from inference.embeddings import Embeddings
from tests.inference.vectors import on_circle


def seen(key: str, degrees: float, **known: object) -> tuple[Sighting, float]:
    media = str(known.pop("media", key))
    return Sighting(key=key, media=media, **known), degrees  # type: ignore[arg-type]


def table(*rows: tuple[Sighting, float], fingerprint: str | None = "wren-1") -> SightingTable:
    points = on_circle(*(degrees for _, degrees in rows))
    return SightingTable(
        tuple(sighting for sighting, _ in rows), Embeddings.of(points, fingerprint)
    )


def in_frame(media: str, frame: int, *degrees: float) -> SightingTable:
    """Animals side by side in one frame, each a tracklet of its own."""
    return table(
        *(
            seen(f"{media}#{frame}.{n}", angle, media=media, frame_index=frame, tracklet=n)
            for n, angle in enumerate(degrees)
        )
    )


def joined(*tables: SightingTable) -> SightingTable:
    return join_tables(tables)


def changed(rows: SightingTable, **fields: object) -> SightingTable:
    sightings = tuple(replace(sighting, **fields) for sighting in rows.sightings)  # type: ignore[arg-type]
    return SightingTable(sightings, rows.embeddings)


def state(catalogue: Catalogue) -> dict[str, object]:
    """All that a user can see of it, but the log."""
    return {
        "fingerprint": catalogue.fingerprint,
        "individuals": {
            individual.id: (individual.name, sorted(catalogue.sightings(individual.id).keys))
            for individual in catalogue.individuals()
        },
    }


def statuses(answers: Sequence[object]) -> list[tuple[str, str | None]]:
    return [(a.status, a.individual) for a in answers]  # type: ignore[attr-defined]


@pytest.fixture(scope="session")
def animals() -> SimpleNamespace:
    """The functions above."""
    functions = (seen, table, in_frame, joined, changed, state, statuses)
    return SimpleNamespace(**{function.__name__: function for function in functions})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "nyala.catalogue"


@pytest.fixture
def catalogue(path: Path) -> Iterator[Catalogue]:
    """Älva (NYA-0001) at 0 degrees, 鹿 (NYA-0002) at 90."""
    with Catalogue.open(path, prefix="NYA") as opened:
        opened.add(table(seen("a1.jpg", 0), seen("a2.jpg", 6)), name="Älva")
        opened.add(table(seen("b1.jpg", 90)), name="鹿")
        yield opened
