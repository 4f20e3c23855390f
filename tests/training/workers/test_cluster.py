import pytest

from training.workers.cluster import cluster_config, cluster_strategy, is_worker


def test_without_tf_config_a_process_is_in_no_cluster(monkeypatch):
    for text in ("", "{}", '{"cluster": {}}'):
        monkeypatch.setenv("TF_CONFIG", text)
        assert not is_worker()
        assert cluster_strategy() is None


def test_tf_config_makes_a_worker(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", cluster_config(["a:1", "b:1"], 1))
    assert is_worker()


@pytest.mark.parametrize(
    "text",
    ["{", "[]", '{"cluster": {"worker": ["a:1"]}}', cluster_config(["a:1"], 1)],
    ids=["broken", "no object", "no task", "no such worker"],
)
def test_a_tf_config_that_cannot_be_is_shown_beside_one_that_can(text, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(
        ValueError, match=r"Expected TF_CONFIG to be such as .*10\.0\.0\.2.*Mend it"
    ):
        is_worker()


def test_a_strategy_that_comes_too_late_says_where_it_belongs(monkeypatch):
    import tensorflow as tf

    tf.constant(0)  # TensorFlow is in use
    monkeypatch.setenv("TF_CONFIG", cluster_config(["localhost:1", "localhost:2"], 0))
    with pytest.raises(RuntimeError, match="at the start of the program"):
        cluster_strategy()
