"""Callbacks: what is measured, kept and changed at the end of each epoch."""

from training.callbacks.collapse_warning import CollapseWarning, embedding_spread
from training.callbacks.embedding_projector import EmbeddingProjector
from training.callbacks.encoder_checkpoint import EncoderCheckpoint
from training.callbacks.remine_triplets import RemineTriplets, embed_candidates
from training.callbacks.retrieval_validation import RetrievalValidation
from training.callbacks.set_epoch import SetEpoch

__all__ = [
    "CollapseWarning",
    "EmbeddingProjector",
    "EncoderCheckpoint",
    "RemineTriplets",
    "RetrievalValidation",
    "SetEpoch",
    "embed_candidates",
    "embedding_spread",
]
