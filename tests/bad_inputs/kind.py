"""One kind of bad or odd file: how to make it, and what `embed` must give it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

Medium = Literal["photo", "recording", "video"]
Status = Literal[
    "ok", "partial", "silent", "too_short", "non_finite", "unreadable", "crashed", "no row"
]
Writer = Callable[[Path, np.random.Generator], None]

_NO_MEDIA = {
    "empty": (b"", "File of zero bytes", "the file is empty (0 bytes)"),
    "zeros": (
        bytes(40_000),
        "File of nothing but zeros (a damaged card)",
        "nothing but zero bytes",
    ),
    "text": (b"Field notes of the third of May.\n" * 40, "Text", "found text ('Field notes"),
    "html": (
        b"<!DOCTYPE html><h1>404</h1>",
        "Error page of a server",
        "found text ('<!DOCTYPE html>",
    ),
}

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

    def add_no_media(self, medium: Medium, extension: str) -> None:
        """What is no photo, recording or video at all, under the name of one."""
        for name, (content, what, says) in _NO_MEDIA.items():
            self.append(
                Kind(
                    name=f"{name}_named_{extension[1:]}",
                    medium=medium,
                    file_name=f"{name}_named{extension}",
                    status="unreadable",
                    says=says,
                    loads=False,
                    description=f"{what} named {extension}",
                    gets="",
                    write=partial(_write, content),
                )
            )


def _write(content: bytes, path: Path, rng: np.random.Generator) -> None:
    path.write_bytes(content)
