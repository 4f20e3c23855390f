import numpy as np
import pytest

from training.clustering import cluster_agreement


def around(*angles, spread=0.02, num=10):
    rng = np.random.default_rng(0)
    drawn = np.concatenate([rng.normal(angle, spread, num) for angle in angles])
    return np.stack([np.cos(drawn), np.sin(drawn)], axis=1)


def test_classes_that_lie_apart_on_a_circle_are_found_again():
    labels = np.repeat(["wren", "robin", "tit"], 10)
    agreement = cluster_agreement(around(0.0, 2.0, 4.0), labels)
    assert agreement == {"nmi": pytest.approx(1.0), "ami": pytest.approx(1.0)}


def test_labels_by_chance_have_no_adjusted_information():
    labels = np.random.default_rng(1).integers(0, 3, 300)
    agreement = cluster_agreement(around(0.0, 2.0, 4.0, num=100), labels)
    assert abs(agreement["ami"]) < 0.02
    assert agreement["nmi"] >= agreement["ami"]


def test_nmi_is_mutual_information_over_the_mean_entropy():
    labels = np.array([0] * 10 + [1] * 5 + [0] * 5)  # one cluster pure, the other half and half
    joint = np.array([[0.5, 0.0], [0.25, 0.25]])
    rows, columns = joint.sum(1), joint.sum(0)
    entropies = [-(p * np.log(p)).sum() for p in (rows, columns)]
    filled = joint > 0
    information = (joint[filled] * np.log((joint / np.outer(rows, columns))[filled])).sum()
    agreement = cluster_agreement(around(0.0, 3.0), labels)
    assert agreement["nmi"] == pytest.approx(information / np.mean(entropies))


def test_a_collapsed_encoder_gets_0_and_no_warning():
    agreement = cluster_agreement(np.tile([1.0, 0.0], (20, 1)), np.repeat([0, 1], 10))
    assert agreement == {"nmi": 0.0, "ami": 0.0}


def test_the_same_seed_gives_the_same_clusters_and_a_single_class_is_always_found():
    points = np.random.default_rng(0).normal(size=(60, 8))
    labels = np.arange(60) % 5
    assert cluster_agreement(points, labels, seed=3) == cluster_agreement(points, labels, seed=3)
    assert cluster_agreement(points, np.zeros(60)) == {"nmi": 1.0, "ami": 1.0}
