"""One kind of bad or odd file: how to make it, and what `embed` must give it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

Medium = Literal["photo", "recording", "video"]
Status = Literal[
    "ok", "partial", "silent", "too_short", "non_finite", "unreadable", "crashed", "no row"
]
Writer = Callable[[Path, np.random.Generator], None]

_LOADED = frozenset({"ok", "partial", "silent", "too_short"})
NO_EMBEDDING = frozenset({"silent", "too_short", "non_finite", "unreadable", "crashed"})


@dataclass(frozen=True)
class Kind:
    """A kind of file as it comes off cards and servers.

    Attributes:
        name: a word for test ids, from the writer's own name.
        medium: what the file poses as.
        file_name: what to call it; the extension is what a scan of folders goes by.
        status: what `embed` must give it; "no row" where there is nothing to tell.
        says: what the reason of that status must say (or the warning, if it is "ok").
        loads: whether the loaders give something of it, of use or not.
        description: what the file is, for the page on robustness.
        gets: what becomes of it, for that page; empty where the reason says it all.
        write: makes one, whatever the name.
    """

    name: str
    medium: Medium
    file_name: str
    status: Status
    says: str
    loads: bool
    description: str
    gets: str
    write: Writer


class KindTable(list[Kind]):
    """Kinds of files, gathered by decorating their writers."""

    def add(
        self,
        medium: Medium,
        file_name: str,
        status: Status,
        gets: str = "",
        *,
        says: str = "",
        loads: bool | None = None,
    ) -> Callable[[Writer], Writer]:
        """Put a writer into the table; its docstring says what the file is.

        Args:
            medium: what the file poses as.
            file_name: its name, or only an extension.
            status: what `embed` must give it.
            gets: in words, what becomes of it; default what the reason says.
            says: a fragment of the reason.
            loads: default whether the status speaks of content, not of a refusal.
        """

        def register(write: Writer) -> Writer:
            name = write.__name__
            full_name = name + file_name if re.fullmatch(r"\.\w+", file_name) else file_name
            what = " ".join((write.__doc__ or "").split()).removesuffix(".")
            is_loaded = status in _LOADED if loads is None else loads
            self.append(Kind(name, medium, full_name, status, says, is_loaded, what, gets, write))
            return write

        return register
