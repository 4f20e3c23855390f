"""The head start of a linear head: a regression that departs from what is known already."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import soundscapes.head_start as head_start
from fused_encoder.front_ends import YAMNET
from fused_encoder.front_ends.contract import FrontEndSpec
from soundscapes.classifier import FRAME_LOGITS
from soundscapes.head_start import OwnLayer, mean_features, start_head
from soundscapes.heads import FRAME_SCALING
from soundscapes.network import create_sound_classifier

MEL_FRAMES = FrontEndSpec(
    name="mel", sample_rate_hz=32_000, window_seconds=0.064, hop_seconds=0.016, embedding_size=128
)


@pytest.fixture
def cloud():
    """Recordings of three species, whose mean frames lie around three points."""
    rng = np.random.default_rng(0)
    classes = np.repeat([0, 1, 2], 12)
    centres = rng.normal(1, 1, (3, 1024))
    frames = centres[classes][:, None] + rng.normal(0, 3, (36, 4, 1024))
    return frames.astype(np.float32), np.eye(3, dtype=np.float32)[classes], classes


def _network(frames, head="linear"):
    network = create_sound_classifier(3, YAMNET, head, hidden_size=8)
    network.get_layer(FRAME_SCALING).adapt(frames)
    return network


@pytest.mark.parametrize("several", [True, False])
def test_it_names_what_logistic_regression_names(cloud, several):
    frames, labels, classes = cloud
    network = _network(frames)
    means, sources = frames.mean(axis=1), [str(number) for number in range(36)]
    assert start_head(network, YAMNET, ("a", "b", "c"), means, labels, sources, several=several)
    scaled = (means - frames.mean(axis=(0, 1))) / frames.std(axis=(0, 1))
    floor = LogisticRegression(max_iter=500).fit(scaled, classes)
    np.testing.assert_array_equal(np.asarray(network(frames)).argmax(axis=1), floor.predict(scaled))


def test_the_last_layer_of_a_network_for_pictures_starts_as_a_regression_on_what_it_sees():
    rng = np.random.default_rng(0)
    classes = np.repeat([0, 1, 2], 4)
    rows = rng.normal(-60, 5, (12, 64, 128)).astype(np.float32)
    for one, width in zip(rows, 2**classes, strict=True):  # stripes of 1, 2 and 4 bands
        one[:, np.arange(128) // width % 2 == 0] += 30
    network = create_sound_classifier(3, MEL_FRAMES, "small_cnn")
    means = mean_features(network, list(rows), clip_frames=64)
    assert means.shape == (12, 128)
    labels, sources = np.eye(3, dtype=np.float32)[classes], [str(n) for n in range(12)]
    assert start_head(network, MEL_FRAMES, ("a", "b", "c"), means, labels, sources)
    np.testing.assert_array_equal(np.asarray(network(rows)).argmax(axis=1), classes)


def test_it_starts_from_the_front_ends_own_layer_where_nothing_speaks_against_it(
    cloud, monkeypatch
):
    frames, labels, _ = cloud
    means = frames.mean(axis=1).astype(np.float64)
    own = np.linalg.pinv(means) @ (8 * labels - 4)  # knows these recordings already
    layer = OwnLayer(own, np.zeros(3), ("a", "b", "c"))
    monkeypatch.setattr(head_start, "_own_layer", lambda *_: layer)
    network = _network(frames)
    start_head(network, YAMNET, ("a", "b", "c"), means, labels, [str(n) for n in range(36)])
    kernel = np.asarray(network.get_layer(FRAME_LOGITS).kernel)
    scale = np.sqrt(np.ravel(np.asarray(network.get_layer(FRAME_SCALING).variance)))
    direction = (own * scale[:, None]).ravel()
    cosine = kernel.ravel() @ direction / np.linalg.norm(kernel) / np.linalg.norm(direction)
    assert cosine > 0.95


def test_other_heads_are_left_as_they_are(cloud):
    frames, labels, _ = cloud
    for head in ("mlp", "attention", "prototypes"):
        network = _network(frames, head)
        before = [np.array(value) for value in network.get_weights()]
        sources = [str(number) for number in range(36)]
        assert not start_head(
            network, YAMNET, ("a", "b", "c"), frames.mean(axis=1), labels, sources
        )
        for one, other in zip(before, network.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_species_are_found_by_scientific_and_common_names_in_any_spelling():
    label = "Setophaga castanea_Bay-breasted Warbler"
    for name in ("Bay-breasted_Warbler", "setophaga castanea", "bay breasted warbler"):
        assert head_start._plain(name) in head_start._spoken(label)
