"""What an index holds and answers, and what it asks of all that comes in."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache

import numpy as np

from inference.embeddings import Embeddings, fingerprint_of

Scalar = str | int | float | bool | None
Metadata = dict[str, Scalar]
Where = Mapping[str, Scalar | Sequence[Scalar]]  # as callers write it
Filter = Mapping[str, list[Scalar]]  # as stores receive it: any of the list, under every key

LARGEST_INTEGER = 2**63 - 1
SAME_EMBEDDING_TOLERANCE = 1e-5
UNSTORABLE = re.compile("[\0\ud800-\udfff]")


METADATA = (
    "Keys are str without quotes, backslashes and control characters; values are str, int (64 bit), finite "
    "float, bool or None."
)


@dataclass(frozen=True, eq=False)
class Row:
    """One row of an index; its embedding is float32 [size], unit length, as it was added."""

    id: str
    embedding: Embeddings
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True)
class Hit:
    """A row that was found; `similarity` is the cosine of its angle to the query, in [-1, 1]."""

    id: str
    similarity: float
    metadata: Metadata = field(default_factory=dict)


@dataclass(frozen=True)
class StoreSettings:
    """The encoder and the size that an index is for; None until rows came that told it."""

    fingerprint: str | None
    embedding_size: int | None


@dataclass(frozen=True)
class LogEntry:
    """One thing that was done to an index."""

    number: int  # counts up from 1
    time: datetime  # in UTC
    action: str  # create, add, update, delete, compact or recover
    num_rows: int  # that were added, changed or deleted; for compact and recover, rows there are
    version: str  # of fused-encoder
    fingerprint: str | None  # the encoder whose embeddings the index held


@dataclass(frozen=True)
class Approximation:
    """What an approximate search costs: some of the nearest rows may be missed.

    `recall_at_10`, in [0, 1], is the share of the ten nearest other rows that it finds. It was measured on
    rows of the index as queries that had no part in choosing `num_probes`.
    """

    recall_at_10: float
    num_queries: int  # that measured the recall
    num_rows: int  # of the index
    num_lists: int  # groups into which the rows were divided
    num_probes: int  # nearest groups that are searched


def quoted(ids: Sequence[str], at_most: int = 5) -> str:
    """The first few ids for a message: "'a', 'b' and 3 more"."""
    more = f" and {len(ids) - at_most} more" if len(ids) > at_most else ""
    return ", ".join(repr(id_) for id_ in ids[:at_most]) + more


def check_ids(ids: Sequence[str], *, unique: bool = True) -> list[str]:
    """The ids as a list of str, or an error that names those that cannot be ids."""
    if isinstance(ids, str | bytes):
        raise TypeError(f"ids must be a list of str, received the single {ids!r}. Pass [{ids!r}].")
    checked = list(ids)
    if wrong := [id_ for id_ in checked if not isinstance(id_, str)]:
        raise TypeError(
            f"ids must be str, received {len(wrong)} of another type, the first is {wrong[0]!r} "
            f"({type(wrong[0]).__name__}). Convert them with str()."
        )
    if unstorable := [id_ for id_ in checked if not id_ or UNSTORABLE.search(id_)]:
        raise ValueError(
            f"{len(unstorable)} ids are empty or hold characters that cannot be stored (NUL, lone "
            f"surrogates of undecodable file names): {quoted(unstorable)}. Give these rows other ids."
        )
    if unique and len(set(checked)) < len(checked):
        repeated = [id_ for id_, times in Counter(checked).items() if times > 1]
        raise ValueError(
            f"Each id may stand only once in one call, received more than once: {quoted(repeated)}. "
            "Drop the repeats, or give different rows different ids."
        )
    return [str(id_) for id_ in checked]


def check_metadata(
    metadata: Sequence[Mapping[str, Scalar] | None] | None, num: int
) -> list[Metadata]:
    """One dict per row, with NumPy scalars turned into Python's, or an error with all problems."""
    if metadata is None:
        return [{} for _ in range(num)]
    if isinstance(metadata, Mapping | str):
        received = type(metadata).__name__
        raise TypeError(f"metadata must be a list with one dict per row, received a {received}.")
    if len(metadata) != num:
        raise ValueError(
            f"ids and metadata must be of one length, received {num} ids and {len(metadata)} metadata. "
            "Pass one dict per id ({} where there is nothing to say)."
        )
    checked: list[Metadata] = []
    problems: list[str] = []
    for row, entry in enumerate(metadata):
        if entry is not None and not isinstance(entry, Mapping):
            received = type(entry).__name__
            raise TypeError(f"metadata[{row}] must be a dict or None, received {received}.")
        plain = {key: _plain(value) for key, value in (entry or {}).items()}
        told = (_problem(key, value) for key, value in plain.items())
        problems += [f"metadata[{row}]: {problem}" for problem in told if problem]
        checked.append(plain)
    if problems:
        more = f"; and {len(problems) - 5} more" if len(problems) > 5 else ""
        listed = f"{'; '.join(problems[:5])}{more}"
        raise ValueError(f"Metadata holds what an index cannot keep: {listed}. {METADATA}")
    return checked


def check_where(where: Where | None) -> Filter:
    """The filter with a list of wanted values under each key; an empty one lets every row pass."""
    if where is not None and not isinstance(where, Mapping):
        received = type(where).__name__
        raise TypeError(f'where must be a dict like {{"species": "wren"}}, received {received}.')
    checked: dict[str, list[Scalar]] = {}
    for key, wanted in (where or {}).items():
        is_list = isinstance(wanted, list | tuple | set | frozenset | np.ndarray)
        checked[key] = [_plain(value) for value in (wanted if is_list else [wanted])]  # type: ignore[union-attr]
        if problems := list(filter(None, (_problem(key, value) for value in checked[key]))):
            raise ValueError(
                f"where={{{key!r}: ...}} cannot be searched for: {problems[0]}. A value is a str, int, "
                "float, bool or None (None: the row does not have the key), or a list of these (any of them)."
            )
    return checked


def check_same_encoder(embeddings: Embeddings, settings: StoreSettings, location: str) -> None:
    """Refuse embeddings of another encoder or size (ValueError); plain arrays carry no fingerprint."""
    fingerprint = fingerprint_of(embeddings)
    if settings.fingerprint and fingerprint and fingerprint != settings.fingerprint:
        raise ValueError(
            f"{location} holds embeddings of the encoder {settings.fingerprint}, received embeddings of "
            f"another: {fingerprint}. Embed with the encoder of the index, or open a new index and add "
            "everything again."
        )
    if settings.embedding_size and embeddings.shape[-1] != settings.embedding_size:
        raise ValueError(
            f"{location} holds embeddings of size {settings.embedding_size}, received size "
            f"{embeddings.shape[-1]}. Embed with the encoder of the index, or open a new index."
        )


def only_new(
    ids: Sequence[str],
    embeddings: Embeddings,
    metadata: Sequence[Metadata],
    stored: Mapping[str, Row],
    location: str,
) -> list[int]:
    """Numbers of the rows that are not stored yet; ValueError names ids that are stored otherwise."""
    new, changed = [], []
    for number, id_ in enumerate(ids):
        if id_ not in stored:
            new.append(number)
        elif not _is_same(stored[id_], embeddings[number], metadata[number]):
            changed.append(id_)
    if changed:
        raise ValueError(
            f"{location} holds {len(changed)} of these ids with another embedding or other metadata: "
            f"{quoted(changed)}. Nothing was added. To replace rows use update; for new rows choose new ids."
        )
    return new


def in_order(ids: Sequence[str], stored: Mapping[str, Row], location: str) -> list[Row]:
    """The stored rows in the order of `ids`; KeyError names those that are not stored."""
    if missing := [id_ for id_ in ids if id_ not in stored]:
        raise KeyError(f"{location} does not hold {len(missing)} of these ids: {quoted(missing)}.")
    return [stored[id_] for id_ in ids]


def _is_same(stored: Row, embedding: np.ndarray, metadata: Metadata) -> bool:
    # an embedding that was computed again elsewhere differs in the last digits
    difference = np.abs(np.asarray(stored.embedding) - np.asarray(embedding)).max()
    return bool(difference <= SAME_EMBEDDING_TOLERANCE) and stored.metadata == metadata


def _plain(value: object) -> Scalar:
    # What is no scalar is told by `_problem`.
    return value.item() if isinstance(value, np.generic) else value  # type: ignore[return-value]


def _problem(key: object, value: object) -> str | None:
    """Why metadata cannot hold this value under this key; None where they can."""
    if not _is_plain_key(key):
        return f"the key {key!r}"
    if isinstance(value, str) and UNSTORABLE.search(value):
        return f"{key!r} is text with NUL or lone surrogates ({value!r})"
    if isinstance(value, float) and not math.isfinite(value):
        return f"{key!r} is {value} (use None for what is not known)"
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        return f"{key!r} is an integer of more than 64 bits (store it as str)"
    is_scalar = value is None or isinstance(value, str | int | float)
    return None if is_scalar else f"{key!r} is a {type(value).__name__}"


@lru_cache(maxsize=1000)  # the same few keys in every row
def _is_plain_key(key: object) -> bool:
    if not isinstance(key, str) or not key or UNSTORABLE.search(key):
        return False
    return key.isprintable() and '"' not in key and "\\" not in key
