"""How near strangers come: the best similarity of never-met individuals to those of a gallery."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from inference.calibrate.certified import UnknownScores
from inference.calibrate.pair_sample import Rows

Role = Literal["gallery", "unknown", "held_out"]
MAX_SIMILARITIES = 2**23  # held in memory at once


def independent_units(individual: np.ndarray, unit: np.ndarray | None) -> np.ndarray:
    """The independent unit of each row, int [num]: individuals, joined where they share a given unit.

    Two individuals of one video have its light and place in common, and two videos of one individual the
    individual: counting either twice would promise too much.

    Args:
        individual: int [num], numbered from 0.
        unit: int [num], numbered from 0, such as the video of each row; None for individuals alone.
    """
    if unit is None or not len(individual):
        return individual
    num = int(individual.max()) + 1
    links = coo_array(
        (np.ones(len(individual), bool), (individual, num + unit)),
        shape=(num + int(unit.max()) + 1,) * 2,
    )
    return connected_components(links, directed=False)[1][individual]


def assign_roles(
    unit: np.ndarray, *, gallery_share: float, held_out_share: float, rng: np.random.Generator
) -> np.ndarray:
    """The role of each row, `Role` [num]: whole units are the gallery, strangers, or strangers held out.

    Given the gallery, the strangers' scores are independent of each other, as an exact bound asks; if
    everybody were compared with everybody else, the best match of A would often be B and that of B A. The
    price: the units of the gallery are not counted.

    Args:
        unit: int [num], the independent unit of each row.
        gallery_share: float in (0, 1), of the units.
        held_out_share: float in [0, 1), of the units that are not the gallery.
        rng: for the draw.
    """
    units, unit_of_row = np.unique(unit, return_inverse=True)
    num_gallery = min(max(round(gallery_share * len(units)), 1), max(len(units) - 1, 0))
    num_held_out = int(held_out_share * (len(units) - num_gallery))
    roles = np.full(len(units), "unknown", dtype="U8")
    roles[:num_gallery] = "gallery"
    roles[num_gallery : num_gallery + num_held_out] = "held_out"
    return rng.permutation(roles)[unit_of_row.reshape(-1)]


def unknown_scores(
    rows: Rows, first: str, second: str, *, unit: np.ndarray, role: np.ndarray
) -> UnknownScores | None:
    """The best similarity of each unit of strangers to any row of the gallery that is of another source.

    Args:
        rows: of all roles.
        first: modality of a pair.
        second: the other; where they differ, either may be the stranger's.
        unit: int [num], the independent unit of each row.
        role: `Role` [num].

    Returns:
        None where the gallery or the strangers have no rows of these modalities.
    """
    ways = dict.fromkeys([(first, second), (second, first)])
    best = np.full(int(unit.max(initial=-1)) + 1, -np.inf)
    in_gallery: set[int] = set()
    for asking, known in ways:
        strangers = np.flatnonzero((role != "gallery") & (rows.modality == asking))
        gallery = np.flatnonzero((role == "gallery") & (rows.modality == known))
        if len(strangers) and len(gallery):
            np.maximum.at(best, unit[strangers], _largest(rows, strangers, gallery))
            in_gallery.update(rows.individual[gallery].tolist())
    scores = {
        name: tuple(sorted(of_role[np.isfinite(of_role)].tolist()))
        for name in ("unknown", "held_out")
        for of_role in [best[np.unique(unit[role == name])]]
    }
    if not scores["unknown"]:
        return None
    return UnknownScores(scores["unknown"], len(in_gallery), scores["held_out"])


def _largest(rows: Rows, asking: np.ndarray, known: np.ndarray) -> np.ndarray:
    """The largest similarity of each row that asks to a known one of another source; -inf for none."""
    parts = []
    step = max(1, MAX_SIMILARITIES // len(known))
    for start in range(0, len(asking), step):
        block = asking[start : start + step]
        similarity = rows.embeddings[block] @ rows.embeddings[known].T
        similarity[rows.source[block][:, None] == rows.source[known]] = -np.inf
        parts.append(similarity.max(axis=1))
    return np.concatenate(parts).astype(np.float64)
