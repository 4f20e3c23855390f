import numpy as np
import pytest

from inference.grouping.between import CentreMoments, adapt, centre_moments, centre_spectrum
from inference.grouping.identity_model import IdentityModel

SIZE = 30


def moments_of(centres: np.ndarray, noise: float = 0.0) -> CentreMoments:
    return centre_moments(centres, np.ones(len(centres), int), noise)


def test_the_moments_are_those_of_numpy() -> None:
    centres = np.random.default_rng(0).standard_normal((50, 4)) + 3
    moments = moments_of(centres, 0.25)
    assert moments.weight == pytest.approx(50)
    assert moments.mean == pytest.approx(centres.mean(axis=0))
    assert moments.covariance == pytest.approx(np.cov(centres.T))
    assert moments.noise == pytest.approx(0.25)


def test_noise_of_means_falls_with_their_observations() -> None:
    sizes = np.array([1, 4, 4, 16])
    moments = centre_moments(np.zeros((4, 3)), sizes, 1.0)
    weights = sizes / (sizes + 1) / (sizes / (sizes + 1)).sum()
    assert moments.noise == pytest.approx((weights / sizes).sum())
    assert 3 < moments.weight < 4


@pytest.mark.parametrize("num_centres", [100, 1000])
def test_planted_directions_are_found_with_their_variances(num_centres: int) -> None:
    rng = np.random.default_rng(1)
    planted, _ = np.linalg.qr(rng.standard_normal((SIZE, 3)))
    centres = np.sqrt(0.1) * rng.standard_normal((num_centres, SIZE))
    centres += (rng.standard_normal((num_centres, 3)) * np.sqrt([8.0, 5.0, 3.0])) @ planted.T
    directions, variances, rest = centre_spectrum(moments_of(centres), 1e-6)
    assert len(directions) == 3
    # The share of each found direction that lies in the planted plane.
    assert np.linalg.norm(directions @ planted, axis=1).min() > 0.98
    assert variances == pytest.approx([8.1, 5.1, 3.1], rel=0.5)
    assert rest == pytest.approx(0.1, rel=0.15)


def test_what_is_alike_in_all_directions_has_no_directions_of_its_own() -> None:
    found = [
        len(centre_spectrum(moments_of(rng.standard_normal((num, SIZE))), 1e-6)[0])
        for num in (20, 60, 400)
        for rng in map(np.random.default_rng, range(20))
    ]
    assert np.mean(np.array(found) > 0) <= 0.1


def test_noise_is_taken_from_the_variances() -> None:
    centres = np.sqrt(2.0) * np.random.default_rng(2).standard_normal((4000, SIZE))
    _, _, rest = centre_spectrum(moments_of(centres, noise=1.5), 1e-6)
    assert rest == pytest.approx(0.5, rel=0.1)


@pytest.mark.parametrize("num_centres", [1, 2, 3, 5])
def test_few_centres_give_finite_variances(num_centres: int) -> None:
    centres = np.random.default_rng(3).standard_normal((num_centres, SIZE))
    directions, variances, rest = centre_spectrum(moments_of(centres, 0.1), 1e-6)
    assert len(directions) == len(variances) <= 1
    assert np.isfinite(variances).all()
    assert 1e-6 <= rest < 2


def test_equal_centres_have_the_smallest_variance() -> None:
    directions, _, rest = centre_spectrum(moments_of(np.ones((10, SIZE)), 0.1), 1e-6)
    assert (len(directions), rest) == (0, 1e-6)


def model_of(num_individuals: float) -> IdentityModel:
    size = SIZE
    return IdentityModel(
        np.zeros(size),
        np.eye(size)[:1],
        np.array([4.0]),
        0.5,
        -2.0,
        0.3,
        np.eye(size),
        1.0,
        0.9,
        num_individuals,
    )


def footage(seed: int, num: int = 300) -> np.ndarray:
    """Centres that vary along the second axis, where the model's vary along the first."""
    rng = np.random.default_rng(seed)
    centres = np.sqrt(0.5) * rng.standard_normal((num, SIZE))
    centres[:, 1] *= np.sqrt(8.0)
    return centres


def test_a_model_of_few_individuals_takes_over_how_they_vary_here() -> None:
    adapted = adapt(model_of(3), footage(0), np.ones(300, int))
    assert abs(adapted.directions[0, 1]) > 0.95
    assert adapted.variances[0] == pytest.approx(4.0 - model_of(3).mean_noise, rel=0.4)


def test_a_model_of_many_individuals_hardly_changes() -> None:
    model = model_of(1e6)
    adapted = adapt(model, footage(0), np.ones(300, int))
    assert abs(adapted.directions[0, 0]) > 0.99
    assert adapted.variances == pytest.approx([4.0], rel=0.02)
    assert adapted.rest_variance == pytest.approx(0.5, rel=0.02)
    assert np.abs(adapted.mean).max() < 1e-3


def test_one_group_teaches_nothing() -> None:
    model = model_of(10)
    assert adapt(model, np.ones((1, SIZE)), np.array([5])) is model


def test_an_adapted_model_stays_orthonormal_and_positive() -> None:
    adapted = adapt(model_of(100), footage(4), np.random.default_rng(4).integers(1, 9, 300))
    gram = adapted.directions @ adapted.directions.T
    assert gram == pytest.approx(np.eye(len(gram)), abs=1e-9)
    assert (adapted.variances > 0).all()
    assert adapted.rest_variance > 0
