"""Embeddings on disk with their ids and metadata, as one .npz file."""

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inference.embeddings import Embeddings
from media.atomic import atomic_file

Metadata = Mapping[str, str | int | float | bool | None]


@dataclass(frozen=True)
class EmbeddingFile:
    """Rows as `EmbeddingIndex.add` takes them: unique ids, embeddings float32 [num, size], metadata."""

    ids: tuple[str, ...]
    embeddings: Embeddings
    metadata: tuple[Metadata, ...]


def save_embeddings(path: str | Path, rows: EmbeddingFile) -> Path:
    """Writes the rows to a path that must end in .npz, and returns it; whole or not at all."""
    target = Path(path)
    if target.suffix != ".npz":
        raise ValueError(f"Expected a path that ends in .npz, received '{path}'.")
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(target) as temporary:
        np.savez(
            temporary,
            embeddings=np.asarray(rows.embeddings),
            ids=np.array(rows.ids, dtype=np.str_),
            metadata=np.array(json.dumps(rows.metadata, ensure_ascii=False)),
            fingerprint=np.array(rows.embeddings.fingerprint or ""),
        )
    return target


def load_embeddings(path: str | Path) -> EmbeddingFile:
    """The rows that `save_embeddings` wrote; ValueError where it is another file, or damaged."""
    try:
        # opened here, because NumPy leaves a damaged file open
        with Path(path).open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            embeddings = Embeddings.of(file["embeddings"], str(file["fingerprint"]) or None)
            metadata = tuple(json.loads(str(file["metadata"])))
            return EmbeddingFile(tuple(file["ids"].tolist()), embeddings, metadata)
    except (KeyError, EOFError, TypeError, ValueError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"'{path}' does not hold embeddings ({error}). Expected a .npz file that "
            "`fused-encoder embed` or save_embeddings wrote; write it again."
        ) from error
