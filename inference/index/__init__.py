"""The index of embeddings: durable rows, exact search, metadata filters."""

from inference.index.embedding_index import EmbeddingIndex
from inference.index.recover import Recovery, recover_index
from inference.index.store import Approximation, Hit, LogEntry, Row

__all__ = ["EmbeddingIndex", "Hit", "Row", "LogEntry", "Approximation", "Recovery", "recover_index"]
