"""What makes no sense is refused with what was expected and what was received."""

import keras
import numpy as np
import pytest

from training import TripletLoss, create_triplet_model
from training.callbacks import (
    CollapseWarning,
    EmbeddingProjector,
    EncoderCheckpoint,
    RetrievalValidation,
    embedding_spread,
)
from training.losses import (
    ArcFaceLoss,
    ClassCosines,
    ContrastiveLoss,
    CrossBatchMemory,
    InfoNCELoss,
    MultiSimilarityLoss,
    SupConLoss,
)
from training.losses.pair_loss import flatten_members
from training.options import MinedTriplets, PairBatches, TrainingOptions
from training.pairs import draw_pairs
from training.precision import with_dtype_policy
from training.sides import split_gallery_queries

NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("kind", "name", "value", "expected"),
    [
        (TrainingOptions, "epochs", 0, ">= 1"),
        (TrainingOptions, "seed", -1, ">= 0"),
        (TrainingOptions, "learning_rate", 0.0, "> 0"),
        (TrainingOptions, "margin", -0.2, "> 0"),
        (TrainingOptions, "class_scale", 0.0, "> 0"),
        (TrainingOptions, "audio_seconds", NAN, "> 0"),
        (TrainingOptions, "held_out_fraction", 1.0, r"in \(0, 1\)"),
        (TrainingOptions, "audio_window_seconds", 1.0, r">= audio_seconds \(5.0\)"),
        (TrainingOptions, "audio_window_seconds", INFINITY, r">= audio_seconds \(5.0\)"),
        (TrainingOptions, "class_margin", 1.6, r"in \[0, π / 2\) \(radians\)"),
        (TrainingOptions, "loss_mining", "hardest", "to be one of .*"),
        (PairBatches, "classes_per_batch", 1, ">= 2"),
        (PairBatches, "pairs_per_class", 1, ">= 2"),
        (PairBatches, "steps_per_epoch", 0, ">= 1"),
        (PairBatches, "sampling", "balanced", "to be one of .*"),
        (MinedTriplets, "batch_size", 0, ">= 1"),
        (MinedTriplets, "num_triplets_per_class", -1, ">= 1"),
        (MinedTriplets, "remine_every", 0, ">= 1"),
        (MinedTriplets, "mining", "semihard", "to be one of .*"),
        (TripletLoss, "margin", 0, "> 0"),
        (TripletLoss, "margin", NAN, "> 0"),
        (TripletLoss, "mining", "easy", "to be one of .*'hard'.*"),
        (TripletLoss, "distance", "far", "to be one of .*'cosine'.*"),
        (ContrastiveLoss, "margin", -1.0, ".*"),
        (ContrastiveLoss, "distance", "manhattan", ".*"),
        (InfoNCELoss, "temperature", 0, ".*"),
        (MultiSimilarityLoss, "alpha", 0, ".*"),
        (MultiSimilarityLoss, "beta", -1, ".*"),
        (MultiSimilarityLoss, "epsilon", 0, ".*"),
        (MultiSimilarityLoss, "base", 2.0, ".*"),
        (ArcFaceLoss, "margin", -0.1, r"in \[0, 1\.5708\) \(radians\)"),
        (ArcFaceLoss, "margin", 1.6, r"in \[0, 1\.5708\) \(radians\)"),
        (ArcFaceLoss, "scale", -1, "> 0"),
        (ClassCosines, "num_classes", 1, ">= 2"),
    ],
)
def test_options_out_of_range_are_refused(kind, name, value, expected):
    with pytest.raises(ValueError, match=f"Expected {name} {expected}, received '?{value}"):
        kind(**{name: value})


def memory_of_size_5():
    return CrossBatchMemory(SupConLoss(), memory_size=8, embedding_size=5)


def other_model():
    return keras.Sequential([keras.Input((4,), name="numbers"), keras.layers.Dense(2)])


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda media: TrainingOptions(loss_mining=None), "are of pairs. Choose a way of mining"),
        (lambda media: draw_pairs(media, 0, seed=0), "max_pairs_per_class >= 1, received 0"),
        (lambda media: with_dtype_policy("half").__enter__(), "'mixed_bfloat16'.*, received 'half"),
        (lambda media: create_triplet_model(other_model()), "image_input and audio_input, rec"),
        (lambda media: TripletLoss()(np.arange(4), np.eye(4)), r"received \(4, 4\)\. Use "),
        (lambda media: CrossBatchMemory(TripletLoss()), r"Pass TripletLoss\(mining='semi-hard'"),
        (lambda media: memory_of_size_5()(np.zeros(4), np.eye(4)), "of size 5 .*, received 4"),
        (
            lambda media: memory_of_size_5()(np.zeros((5, 4)), np.eye(5)),
            r"at most 3 columns .*num_sources=2\), received 4",
        ),
        (lambda media: embedding_spread([[1.0, 0.0]]), r"at least two .* of shape \(1, 2\)"),
        (lambda media: embedding_spread([1.0, 0.0]), r"at least two .* of shape \(2,\)"),
        (lambda media: embedding_spread([[1.0, 0.0], [NAN, 0.0]]), "with NaN or infinity in it"),
        (lambda media: CollapseWarning(np.eye(2), min_spread=1), "Expected min_spread "),
        (lambda media: CollapseWarning(np.eye(2), patience=0), "Expected patience "),
        (lambda media: EmbeddingProjector("p", None, media, every=0), "every >= 1 .*, received 0"),
        (
            lambda media: RetrievalValidation(None, media, media, every=0),
            "every >= 1 .*, received 0",
        ),
        (lambda media: EncoderCheckpoint("best.h5", None), r"ends in \.keras, received 'best\.h5"),
        *(
            (lambda media, f=f: split_gallery_queries(media, query_fraction=f), "query_fraction in")
            for f in (0, 1, -0.5)
        ),
        *(
            (lambda media, o=o: CrossBatchMemory(SupConLoss(), **o), f"Expected {next(iter(o))} ")
            for o in ({"memory_size": 0}, {"embedding_size": 0}, {"num_sources": -1})
        ),
        *(
            (lambda media, s=shapes: flatten_members(*map(np.zeros, s)), "; received labels ")
            for shapes in (((4,), (4, 3, 5)), ((4, 2, 3), (4, 3, 5)), ((3,), (4, 5)), ((4,), (4,)))
        ),
    ],
)
def test_what_does_not_fit_is_refused(media, use, message):
    with pytest.raises(ValueError, match=message):
        use(media)


@pytest.mark.parametrize("loss", [ArcFaceLoss(), "mse", None])
def test_losses_that_compare_no_pairs_have_no_memory(loss):
    with pytest.raises(TypeError, match=r"such as SupConLoss\(\), received \w+\."):
        CrossBatchMemory(loss)
