"""The index of embeddings: durable rows, exact search, metadata filters."""

from inference.index.embedding_index import EmbeddingIndex
from inference.index.recover import Recovery, recover_index
from inference.index.row_files import export_rows, import_rows
from inference.index.rows import Approximation, Hit, LogEntry, Row

__all__ = [
    "EmbeddingIndex",
    "Hit",
    "Row",
    "LogEntry",
    "Approximation",
    "export_rows",
    "import_rows",
    "Recovery",
    "recover_index",
]
