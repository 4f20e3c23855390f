"""Answers that pages show: kept under random names for as long as the uploads that they are about."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TypeVar
from uuid import uuid4

from fastapi import HTTPException

MOST_KEPT = 2000
T = TypeVar("T")


class Shelf:
    """Things under random names, for a set time.

    Args:
        lifetime_seconds: float > 0.
    """

    def __init__(self, lifetime_seconds: float) -> None:
        self._lifetime = lifetime_seconds
        self._kept: OrderedDict[str, tuple[float, object]] = OrderedDict()

    def put(self, thing: object, name: str = "") -> str:
        """Keeps it under a random name, or the one given, and returns that.

        What is oldest goes where there are too many.
        """
        name = name or uuid4().hex
        self._kept[name] = (time.monotonic() + self._lifetime, thing)
        while len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return name

    def find(self, name: str, kind: type[T]) -> T | None:
        """As `get`; None where it is gone."""
        try:
            return self.get(name, kind)
        except HTTPException:
            return None

    def get(self, name: str, kind: type[T]) -> T:
        """The thing of this name; HTTPException 404 where it is gone, or of another kind."""
        expires_at, thing = self._kept.get(name, (0.0, None))
        if time.monotonic() > expires_at or not isinstance(thing, kind):
            self._kept.pop(name, None)
            raise HTTPException(404, "This answer is gone: it is kept for a while only. Ask again.")
        return thing
