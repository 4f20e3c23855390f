import keras
import numpy as np
import pytest

from inference.embed import Embedder
from inference.metrics import retrieval_metrics
from training import RetrievalValidation
from training.callbacks.retrieval_validation import cluster_agreement
from training.pairs import draw_pairs, embed_pairs

MEASURES = ("precision_at_1", "r_precision", "mean_average_precision_at_r", "nmi", "ami")
VALIDATED = {f"val_{measure}" for measure in MEASURES}


class Watching(keras.callbacks.Callback):
    """Remembers what each epoch logged."""

    def __init__(self):
        super().__init__()
        self.logged = []

    def on_epoch_end(self, epoch, logs=None):
        self.logged.append(dict(logs))


class Scripted(RetrievalValidation):
    """Gives figures that were written before."""

    def metrics(self):
        return {"precision_at_1": self.figures.pop(0)}


@pytest.fixture
def validation(small_encoder, gallery, held_out):
    def of(kind=RetrievalValidation, encoder=None, **options):
        return kind(encoder or small_encoder(), gallery, held_out, **options)

    return of


@pytest.fixture
def scripted(validation):
    def of(*figures, **options):
        callback = validation(Scripted, **options)
        callback.figures = list(figures)
        return callback

    return of


def test_every_so_many_epochs_and_the_last_one_are_validated(scripted, fit_with):
    watching = Watching()
    fit_with(5, scripted(0.1, 0.2, 0.3, every=2), watching)
    validated = ["val_precision_at_1" in logged for logged in watching.logged]
    assert validated == [False, True, False, True, True]


def test_the_history_holds_all_figures_between_0_and_1(validation, fit_with):
    history = fit_with(1, validation())
    assert set(history) == {"loss", *VALIDATED}
    assert all(-0.5 <= history[name][0] <= 1 for name in VALIDATED)


def test_validation_sees_the_weights_of_the_moment(
    small_encoder, validation, gallery, held_out, yamnet
):
    encoder = small_encoder()
    callback = validation(encoder=encoder)
    before = callback.metrics()
    rng = np.random.default_rng(0)
    encoder.set_weights([rng.normal(size=w.shape) * 0.2 + w for w in encoder.get_weights()])
    embedder = Embedder.from_encoder(encoder, yamnet)
    sides = []
    for seed, media in enumerate((held_out, gallery)):
        pairs = draw_pairs(media, 6, 1 - seed)
        embedded = embed_pairs(embedder, media, pairs, ("fused",)).by_pattern["fused"]
        sides += [embedded, pairs.labels]
    expected = retrieval_metrics(*sides)
    after = callback.metrics()
    assert before != after
    for name in ("precision_at_1", "r_precision", "mean_average_precision_at_r"):
        assert after[name] == pytest.approx(expected[name])


def test_validation_hears_as_many_windows_as_told(small_encoder, validation, held_out, yamnet):
    encoder, heard = small_encoder(), {"audio_seconds": 0.5, "max_windows": 1}
    embedder = Embedder.from_encoder(encoder, yamnet, **heard)
    expected = embed_pairs(embedder, held_out, draw_pairs(held_out, 6, 1)).by_pattern["fused"]
    queries = validation(encoder=encoder, **heard)._embed_queries()
    np.testing.assert_allclose(queries, expected, atol=1e-5)
    more = validation(encoder=encoder, audio_seconds=0.5)._embed_queries()
    assert np.abs(more - queries).max() > 1e-3


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
