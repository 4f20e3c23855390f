import numpy as np
import pytest

from inference.embeddings import Embeddings
from inference.grouping.fitting import fit_identity_model, fit_model_of_observations

SIZE = 16


def planted(num: int, views: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Individuals with two directions of much variance, and noise that is twice as loud in one."""
    rng = np.random.default_rng(seed)
    scales = np.full(SIZE, np.sqrt(0.1))
    scales[:2] = np.sqrt([6.0, 4.0])
    labels = np.repeat(np.arange(num), views)
    centres = rng.standard_normal((num, SIZE)) * scales + 5.0
    noise = (
        rng.standard_normal((len(labels), SIZE))
        * np.exp(0.3 * rng.standard_normal(num))[labels, None]
    )
    noise[:, -1] *= 2
    return centres[labels] + 0.2 * noise, labels


def test_what_was_planted_is_found() -> None:
    model = fit_model_of_observations(*planted(600, 4))
    whitened_axes = np.eye(SIZE)[:2] @ model.whitening
    whitened_axes /= np.linalg.norm(whitened_axes, axis=1, keepdims=True)
    assert 2 <= len(model.directions) <= 3
    assert np.linalg.norm(model.directions[:2] @ whitened_axes.T, axis=1).min() > 0.98
    assert model.log_noise_sd == pytest.approx(
        0.6, rel=0.25
    )  # of a variance: twice that of the scale
    assert model.num_individuals == pytest.approx(600)
    assert model.evidence_scale == 1


def test_whitening_makes_the_noise_of_individuals_alike_in_all_directions() -> None:
    observations, labels = planted(600, 4)
    points = observations @ fit_model_of_observations(observations, labels).whitening
    means = np.array([points[labels == label].mean(axis=0) for label in range(600)])
    noise = ((points - means[labels]) ** 2).mean(axis=0)
    assert noise == pytest.approx(np.full(SIZE, noise.mean()), rel=0.15)


def test_the_fit_does_not_depend_on_how_often_a_frame_of_a_source_is_given() -> None:
    observations, labels = planted(20, 3)
    embeddings = observations / np.linalg.norm(observations, axis=1, keepdims=True)
    plain = fit_identity_model(embeddings, labels)
    repeated = fit_identity_model(
        np.repeat(embeddings, 4, axis=0), np.repeat(labels, 4), sources=np.repeat(np.arange(60), 4)
    )
    assert repeated.mean == pytest.approx(plain.mean, abs=1e-6)
    assert repeated.rest_variance == pytest.approx(plain.rest_variance, rel=1e-4)


def test_the_model_remembers_the_encoder() -> None:
    observations, labels = planted(5, 3)
    embeddings = observations / np.linalg.norm(observations, axis=1, keepdims=True)
    assert fit_identity_model(Embeddings.of(embeddings, "wren-1"), labels).fingerprint == "wren-1"
    assert fit_identity_model(embeddings, labels).fingerprint is None


def test_views_that_are_all_equal_give_a_finite_model() -> None:
    centres = np.random.default_rng(0).standard_normal((6, SIZE))
    model = fit_model_of_observations(np.repeat(centres, 3, axis=0), np.repeat(np.arange(6), 3))
    for values in (model.mean, model.whitening, model.variances, model.noise_levels[0]):
        assert np.isfinite(values).all()


def test_individuals_seen_once_teach_how_individuals_differ_but_not_the_noise() -> None:
    observations, labels = planted(40, 3)
    alone = np.random.default_rng(1).standard_normal((200, SIZE)) * 3 + 5
    both = np.concatenate([observations, alone])
    labels_of_both = np.concatenate([labels, 40 + np.arange(200)])
    few, many = (
        fit_model_of_observations(*rows)
        for rows in ((observations, labels), (both, labels_of_both))
    )
    assert many.log_noise_mean == pytest.approx(few.log_noise_mean)
    assert many.rest_variance > 2 * few.rest_variance
    assert many.num_individuals > few.num_individuals + 50


def test_fewer_than_three_individuals_seen_twice_are_refused() -> None:
    observations, _ = planted(3, 2)
    with pytest.raises(
        ValueError, match="needs at least 3 of them seen in two sources each; received 2"
    ):
        fit_model_of_observations(observations[:5], np.array([0, 0, 1, 1, 2]))
