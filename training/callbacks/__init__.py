"""Callbacks: what is measured, shown and kept at the end of each epoch."""

from training.callbacks.encoder_checkpoint import EncoderCheckpoint
from training.callbacks.history_file import HistoryFile
from training.callbacks.progress_bar import ProgressBar
from training.callbacks.retrieval_validation import RetrievalValidation

__all__ = ["EncoderCheckpoint", "HistoryFile", "ProgressBar", "RetrievalValidation"]
