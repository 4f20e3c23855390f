import numpy as np

from training.evaluate import class_results, common_confusions


def test_each_class_has_the_means_of_its_own_answerable_queries():
    labels, found = np.array(["a", "a", "b", "b"]), np.array(["a", "c", "b", "a"])
    per_query = {
        "precision_at_1": np.array([1, 0, 1, np.nan]),
        "r_precision": np.array([0.5, 0, 1, np.nan]),
        "mean_average_precision_at_r": np.array([0.25, 0, 1, np.nan]),
    }
    a, b, c = class_results(per_query, labels, found, ["a", "b", "c"])
    assert (a.num_queries, a.precision_at_1, a.r_precision) == (2, 0.5, 0.25)
    assert (a.taken_for, a.num_taken_for) == ("c", 1)
    assert (b.num_queries, b.mean_average_precision_at_r) == (1, 1.0)
    assert (c.num_queries, c.taken_for, c.num_taken_for) == (0, None, 0)
    assert np.isnan(c.precision_at_1)


def test_confusions_come_most_frequent_first_with_their_share():
    confusion = np.array([[5, 1, 0], [2, 0, 2], [0, 0, 9]])
    assert common_confusions(confusion, ["a", "b", "c"]) == [
        ("b", "a", 2, 0.5),
        ("b", "c", 2, 0.5),
        ("a", "b", 1, 1 / 6),
    ]
    assert len(common_confusions(confusion, ["a", "b", "c"], at_most=1)) == 1
