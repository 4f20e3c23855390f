"""Metadata as numbers that Milvus can filter by: equal values (`2`, `2.0`) have equal ones."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from hashlib import blake2b

from inference.index.store import Filter, Metadata, Scalar

MOST_FACETS = 4096  # of one row: Milvus allows no longer arrays
NOTHING = "position < 0"


def number_of(text: str) -> int:
    """A number in [0, 2^63) that stands for this text."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest()) >> 1


def facets_of(metadata: Metadata) -> list[int]:
    """Two numbers for each key that has a value: one of the key, and one of the key with the value."""
    return [
        number
        for key, value in metadata.items()
        if value is not None
        for number in (_key_number(key), _value_number(key, value))
    ]


def expression(where: Filter) -> str:
    """The filter in Milvus' language; an empty text lets every row pass."""
    return " and ".join(_condition(key, any_of) for key, any_of in where.items())


def _condition(key: str, any_of: Iterable[Scalar]) -> str:
    wanted = sorted({_value_number(key, value) for value in any_of if value is not None})
    conditions = []
    if wanted:
        conditions.append(f"array_contains_any(facets, {wanted})")
    if None in any_of:
        conditions.append(f"not array_contains(facets, {_key_number(key)})")
    return f"({' or '.join(conditions) or NOTHING})"


@lru_cache(maxsize=1024)  # the same few keys in every row
def _key_number(key: str) -> int:
    return number_of(f"key\0{key}")


def _value_number(key: str, value: Scalar) -> int:
    if isinstance(value, str):
        return number_of(f"text\0{key}\0{value}")
    return number_of(f"number\0{key}\0{_same_if_equal(value or 0)}")


def _same_if_equal(number: float) -> str:
    """2, 2.0 and (as SQLite keeps truth) 1 and True are equal."""
    return str(int(number)) if number == int(number) else float(number).hex()
