"""Losses for `compile`: they pull pairs of one class together and push classes apart."""

from training.losses.arcface import ArcFaceLoss, ClassCosines
from training.losses.cross_batch_memory import CrossBatchMemory
from training.losses.distances import Distance
from training.losses.pair_loss import PairLoss
from training.losses.pair_losses import (
    ContrastiveLoss,
    InfoNCELoss,
    MultiSimilarityLoss,
    SupConLoss,
)
from training.losses.triplet import LossMining, TripletLoss

__all__ = [
    "ArcFaceLoss",
    "ClassCosines",
    "ContrastiveLoss",
    "CrossBatchMemory",
    "Distance",
    "InfoNCELoss",
    "LossMining",
    "MultiSimilarityLoss",
    "PairLoss",
    "SupConLoss",
    "TripletLoss",
]
