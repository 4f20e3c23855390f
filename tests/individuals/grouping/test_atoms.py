import numpy as np
import pytest

from individuals.grouping.constraints import check_constraints, pool_rows
from tests.inference.vectors import on_circle

IMAGES = np.zeros(4, np.int8)


def test_atoms_are_numbered_as_the_components_of_the_constraints():
    constraints = check_constraints(4, must_link=[(3, 0)], cannot_link=[(1, 3), (2, 1), (0, 1)])
    atoms = pool_rows(on_circle(0, 10, 20, 30), constraints, IMAGES)
    assert np.array_equal(atoms.atom_of, constraints.component_of)
    expected = {frozenset(constraints.component_of[[a, b]].tolist()) for a, b in [(0, 1), (1, 2)]}
    assert {frozenset(pair) for pair in atoms.apart.tolist()} == expected
    assert len(atoms.apart) == 2  # 1-3 and 0-1 are the same two atoms


def test_photo_and_call_of_a_tracklet_are_pooled_each_by_itself():
    constraints = check_constraints(4, tracklets=["t"] * 4)
    atoms = pool_rows(on_circle(0, 20, 90, 110), constraints, np.array([0, 0, 1, 1], np.int8))
    assert (len(atoms), atoms.sizes.tolist(), atoms.modality_of.tolist()) == (1, [2], [0, 1])
    assert atoms.observations == pytest.approx(on_circle(10, 100))


def test_a_row_of_its_own_has_unit_length_whatever_its_weight():
    constraints = check_constraints(3, tracklets=["t", "t", None])
    weights = np.array([1.0, 1.0, 0.05])
    atoms = pool_rows(on_circle(0, 90, 30), constraints, IMAGES[:3], weights)
    assert np.linalg.norm(atoms.observations, axis=1) == pytest.approx(1)
    alone = pool_rows(on_circle(0, 90), check_constraints(2), IMAGES[:2], np.array([1.0, 0.05]))
    assert np.linalg.norm(alone.observations, axis=1) == pytest.approx(1)
