"""What an index asks of ids, metadata and filters before a store sees them, and of embeddings."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from inference.embeddings import Embeddings, fingerprint_of
from inference.index.store import Filter, Metadata, Scalar, StoreSettings, Where

LARGEST_INTEGER = 2**63 - 1
UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def quoted(ids: Sequence[str], at_most: int = 5) -> str:
    """The first few ids for a message: "'a', 'b' and 3 more"."""
    more = f" and {len(ids) - at_most} more" if len(ids) > at_most else ""
    return ", ".join(repr(id_) for id_ in ids[:at_most]) + more


def check_ids(ids: Sequence[str], *, unique: bool = True) -> list[str]:
    """The ids as a list of str.

    Raises:
        TypeError: a single str, or ids that are not str.
        ValueError: empty or unstorable ids; the same id twice where `unique`.
    """
    if isinstance(ids, str | bytes):
        raise TypeError(f"ids must be a list of str, received the single {ids!r}. Pass [{ids!r}].")
    checked = list(ids)
    wrong = [id_ for id_ in checked if not isinstance(id_, str)]
    if wrong:
        raise TypeError(
            f"ids must be str, received {len(wrong)} of another type, the first is {wrong[0]!r} "
            f"({type(wrong[0]).__name__}). Convert them with str()."
        )
    unstorable = [id_ for id_ in checked if not id_ or not _is_storable(id_)]
    if unstorable:
        raise ValueError(
            f"{len(unstorable)} ids are empty or hold characters that cannot be stored (NUL, lone surrogates "
            f"of undecodable file names): {quoted(unstorable)}. Give these rows other ids."
        )
    repeated = [id_ for id_, times in Counter(checked).items() if times > 1]
    if unique and repeated:
        raise ValueError(
            f"Each id may stand only once in one call, received more than once: {quoted(repeated)}. "
            "Drop the repeats, or give different rows different ids."
        )
    return [str(id_) for id_ in checked]


def check_metadata(
    metadata: Sequence[Mapping[str, Scalar] | None] | None, num: int
) -> list[Metadata]:
    """One dict per row, with NumPy scalars turned into Python's; all problems in one message.

    Raises:
        ValueError: another number of dicts than rows; keys or values that JSON cannot hold exactly.
        TypeError: a row's metadata is no mapping.
    """
    if metadata is None:
        return [{} for _ in range(num)]
    if isinstance(metadata, Mapping | str):
        raise TypeError(
            f"metadata must be a list with one dict per row, received a {type(metadata).__name__}."
        )
    if len(metadata) != num:
        raise ValueError(
            f"ids and metadata must be of one length, received {num} ids and {len(metadata)} metadata. "
            "Pass one dict per id ({} where there is nothing to say)."
        )
    checked: list[Metadata] = []
    problems: list[str] = []
    for row, entry in enumerate(metadata):
        if type(entry) is dict and _is_storable_as_it_is(entry):
            checked.append(entry)
            continue
        if entry is not None and not isinstance(entry, Mapping):
            raise TypeError(
                f"metadata[{row}] must be a dict or None, received {type(entry).__name__}."
            )
        plain = {key: _plain(value) for key, value in (entry or {}).items()}
        problems += [f"metadata[{row}]: {problem}" for problem in _metadata_problems(plain)]
        checked.append(plain)
    if problems:
        raise ValueError(
            f"Metadata holds what an index cannot keep: {'; '.join(problems[:5])}"
            f"{f'; and {len(problems) - 5} more' if len(problems) > 5 else ''}. Keys are str without "
            "quotes, backslashes and control characters; values are str, int (64 bit), finite float, bool or "
            "None."
        )
    return checked


def check_where(where: Where | None) -> Filter:
    """The filter with a list of wanted values under each key; an empty one lets every row pass.

    Raises:
        TypeError: no mapping.
        ValueError: a key or value that metadata cannot hold.
    """
    if where is None:
        return {}
    if not isinstance(where, Mapping):
        raise TypeError(
            f'where must be a dict like {{"species": "wren"}}, received {type(where).__name__}.'
        )
    checked: dict[str, list[Scalar]] = {}
    for key, wanted in where.items():
        any_of = (
            wanted if isinstance(wanted, list | tuple | set | frozenset | np.ndarray) else [wanted]
        )
        checked[key] = [_plain(value) for value in any_of]
        problems = [
            problem for value in checked[key] for problem in _metadata_problems({key: value})
        ]
        if problems:
            raise ValueError(
                f"where={{{key!r}: ...}} cannot be searched for: {problems[0]}. A value is a str, int, "
                "float, bool or None (None: the row does not have the key), or a list of these (any of them)."
            )
    return checked


def check_same_encoder(embeddings: Embeddings, settings: StoreSettings, location: str) -> None:
    """Refuse embeddings of another encoder or size than the index holds.

    Raises:
        ValueError: another fingerprint or another size. Plain arrays, which carry no fingerprint, pass.
    """
    fingerprint = fingerprint_of(embeddings)
    if settings.fingerprint and fingerprint and fingerprint != settings.fingerprint:
        raise ValueError(
            f"{location} holds embeddings of the encoder {settings.fingerprint}, received embeddings of "
            f"another: {fingerprint}. Similarities across encoders mean nothing. Embed with the encoder of "
            "the index, or open a new index and add everything again with the new encoder."
        )
    if settings.embedding_size and embeddings.shape[-1] != settings.embedding_size:
        raise ValueError(
            f"{location} holds embeddings of size {settings.embedding_size}, received size "
            f"{embeddings.shape[-1]}. Embed with the encoder of the index, or open a new index."
        )


def _plain(value: object) -> Scalar:
    # What is no scalar is told by `_metadata_problems`.
    return value.item() if isinstance(value, np.generic) else value  # type: ignore[return-value]


def _is_storable_as_it_is(metadata: dict[str, Scalar]) -> bool:
    """The quick question, as nearly all metadata have no problem; no for NumPy's scalars too."""
    for key, value in metadata.items():
        if isinstance(value, str):
            is_fine = UNSTORABLE.search(value) is None
        elif isinstance(value, int):
            is_fine = -LARGEST_INTEGER <= value <= LARGEST_INTEGER
        elif type(value) is float:  # not NumPy's float64, which is one too
            is_fine = math.isfinite(value)
        else:
            is_fine = value is None
        if not is_fine or not _is_plain_key(key):
            return False
    return True


def _metadata_problems(metadata: Mapping[str, object]) -> list[str]:
    problems = []
    for key, value in metadata.items():
        if not _is_plain_key(key):
            problems.append(f"the key {key!r}")
        elif isinstance(value, str) and not _is_storable(value):
            problems.append(f"{key!r} is text with NUL or lone surrogates ({value!r})")
        elif isinstance(value, float) and not math.isfinite(value):
            problems.append(f"{key!r} is {value} (use None for what is not known)")
        elif isinstance(value, int) and abs(value) > LARGEST_INTEGER:
            problems.append(f"{key!r} is an integer of more than 64 bits (store it as str)")
        elif value is not None and not isinstance(value, str | int | float):
            problems.append(f"{key!r} is a {type(value).__name__}")
    return problems


def _is_storable(text: str) -> bool:
    return UNSTORABLE.search(text) is None


@lru_cache(maxsize=1024)  # the same few keys in every row
def _is_plain_key(key: object) -> bool:
    if not isinstance(key, str) or not key or not _is_storable(key):
        return False
    return key.isprintable() and '"' not in key and "\\" not in key
