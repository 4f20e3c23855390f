import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

from inference.grouping.atoms import Atoms
from inference.grouping.evidence import EvidenceGroups, whitened
from inference.grouping.identity_model import IdentityModel

SIZE = 4


def random_model(seed: int, num_directions: int = 2) -> IdentityModel:
    rng = np.random.default_rng(seed)
    axes, _ = np.linalg.qr(rng.standard_normal((SIZE, SIZE)))
    whitening = np.eye(SIZE) + 0.2 * rng.standard_normal((SIZE, SIZE))
    return IdentityModel(
        0.3 * rng.standard_normal(SIZE),
        axes[:num_directions],
        rng.uniform(0.5, 2.0, num_directions),
        0.3,
        -1.0,
        0.5,
        whitening @ whitening.T,
        evidence_scale=1.0,
        start_similarity=0.9,
        num_individuals=20.0,
        fingerprint="wren-1",
    )


def slow_log_density(model: IdentityModel, points: np.ndarray) -> float:
    """All whitened observations of an individual as one long normal vector, mixed over noise levels."""
    num = len(points)
    between = model.rest_variance * np.eye(SIZE)
    for direction, variance in zip(model.directions, model.variances, strict=True):
        between += (variance - model.rest_variance) * np.outer(direction, direction)
    by_level = [
        weight
        + multivariate_normal.logpdf(
            points.ravel(),
            np.zeros(num * SIZE),
            np.kron(np.ones((num, num)), between) + noise * np.eye(num * SIZE),
        )
        for noise, weight in zip(*model.noise_levels, strict=True)
    ]
    return float(logsumexp(by_level))


def log_evidence(model: IdentityModel, points: np.ndarray) -> float:
    total = points.sum(axis=0, keepdims=True)
    along = total @ model.directions.T
    rest = (total**2).sum(axis=1) - (along**2).sum(axis=1)
    squares = np.array([(points**2).sum()])
    return float(model.log_evidence(np.array([float(len(points))]), along, rest, squares)[0])


@settings(max_examples=25, deadline=None)
@given(
    num_first=st.integers(1, 6),
    num_second=st.integers(1, 6),
    num_directions=st.integers(0, SIZE),
    seed=st.integers(0, 10**6),
)
def test_evidence_is_the_normal_density_of_all_observations_at_once(
    num_first: int, num_second: int, num_directions: int, seed: int
) -> None:
    model = random_model(seed, num_directions)
    rng = np.random.default_rng(seed)
    first, second = (model.whiten(rng.standard_normal((n, SIZE))) for n in (num_first, num_second))
    both = np.concatenate([first, second])
    constant = SIZE / 2 * np.log(2 * np.pi)  # of each observation
    for points in (first, second, both):
        expected = slow_log_density(model, points) + constant * len(points)
        assert log_evidence(model, points) == pytest.approx(expected, rel=1e-9, abs=1e-8)
    log_odds = log_evidence(model, both) - log_evidence(model, first) - log_evidence(model, second)
    slow = slow_log_density(model, both) - slow_log_density(model, first)
    assert log_odds == pytest.approx(slow - slow_log_density(model, second), abs=1e-7)


def test_groups_of_raw_observations_score_the_same_density_with_ewens_prior() -> None:
    model, alpha = random_model(3), 2.5
    observations = np.random.default_rng(3).standard_normal((6, SIZE))
    atom_of = np.array([0, 0, 1, 1, 1, 2])
    atoms = Atoms(observations, atom_of, np.empty((0, 2), np.int64), np.zeros(6, np.int8))
    groups = EvidenceGroups(model, *_sums_sizes_total(atoms, model), alpha)
    constant = SIZE / 2 * np.log(2 * np.pi)
    for atom, num in enumerate([2, 3, 1]):
        points = model.whiten(observations[atom_of == atom])
        prior = np.log(alpha) + sum(np.log(seen) for seen in range(1, num))
        expected = slow_log_density(model, points) + constant * num + prior
        assert groups.score[atom] == pytest.approx(expected, abs=1e-8)


def _sums_sizes_total(
    atoms: Atoms, model: IdentityModel
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    sums, total = whitened(atoms, model)
    return sums, atoms.sizes, total


def test_the_scale_takes_its_share_of_the_evidence() -> None:
    model = random_model(1)
    points = np.random.default_rng(1).standard_normal((3, SIZE))
    half = replace(model, evidence_scale=0.5)
    assert log_evidence(half, points) == pytest.approx(log_evidence(model, points) / 2)


def test_evidence_of_many_observations_adds_up() -> None:
    model = random_model(2, num_directions=0)
    same = np.full((1, SIZE), 1.5)

    def log_odds(num: int) -> float:
        half, both = np.repeat(same, num, axis=0), np.repeat(same, 2 * num, axis=0)
        return log_evidence(model, both) - 2 * log_evidence(model, half)

    assert log_odds(1) < log_odds(3) < log_odds(10)


def test_noise_levels_are_weighted_by_a_log_normal() -> None:
    model = random_model(0)
    levels, log_weights = model.noise_levels
    assert np.exp(logsumexp(log_weights)) == pytest.approx(1)
    assert np.log(levels) @ np.exp(log_weights) == pytest.approx(model.log_noise_mean)
    assert model.mean_noise == pytest.approx(np.exp(-1.0 + 0.5**2 / 2), rel=0.01)


@pytest.mark.parametrize("num_directions", [0, 2])
def test_a_model_goes_through_json_unchanged(num_directions: int) -> None:
    model = random_model(5, num_directions)
    again = IdentityModel.from_dict(json.loads(json.dumps(model.to_dict())))
    for name, value in model.to_dict().items():
        assert again.to_dict()[name] == value
    points = model.whiten(np.random.default_rng(0).standard_normal((3, SIZE)))
    assert log_evidence(again, points) == log_evidence(model, points)
    assert again.directions.shape == (num_directions, SIZE)


@pytest.mark.parametrize(
    "damage",
    [
        {"mean": None},
        {"mean": [[0.0] * SIZE]},
        {"whitening": [[1.0]]},
        {"directions": [[1.0]]},
        {"variances": [1.0]},
        {"variances": [1.0, -1.0]},
        {"rest_variance": "much"},
        {"rest_variance": 0.0},
        {"log_noise_mean": float("nan")},
        {"log_noise_sd": 0},
        {"evidence_scale": 0.0},
        {"evidence_scale": 2.0},
        {"mean": [float("nan")] * SIZE},
    ],
)
def test_damaged_records_are_refused(damage: dict) -> None:
    with pytest.raises(ValueError, match=r"no model of individuals, or it is damaged .* again\."):
        IdentityModel.from_dict(random_model(0).to_dict() | damage)


@pytest.mark.parametrize("record", [{}, [], {"mean": [1.0]}])
def test_what_is_no_record_is_refused(record: dict) -> None:
    with pytest.raises(ValueError, match="no model of individuals"):
        IdentityModel.from_dict(record)
