"""What there is to do: what was done is not done again, and the same bytes are not embedded twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from archives.embed.archive import Archive, Filed
from archives.embed.content import Identity, identity_of, look_at
from archives.embed.sources import Source
from media import UnreadableMediaError


@dataclass(frozen=True)
class Step:
    """What is to be done with a source.

    Attributes:
        action: "skip": it is done. "copy": the same bytes are done under another name. "embed": neither.
        source: which.
        identity: of its content, where it had to be read to tell.
        done: where it is done already, for "skip" and "copy".
    """

    action: Literal["skip", "copy", "embed"]
    source: Source
    identity: Identity | None = None
    done: Filed | None = None


class Plan:
    """Compares sources with what an archive holds.

    A file with the name, size and time of change of one that is done is not read. One that has the size of
    a file that is done, but another name or time, is read to compare the bytes. What crashed is tried again.

    Args:
        archive: what is done; None for nothing.
        settings_key: only what was done under this key counts.
    """

    def __init__(self, archive: Archive | None, settings_key: str) -> None:
        done = [
            one
            for one in (archive.filed if archive else ())
            if one.row.settings == settings_key and one.row.is_settled
        ]
        self._by_name = {one.row.file: one for one in done}
        self._by_content = {(one.row.kind, one.row.content): one for one in done}
        self._sizes = {one.row.size_bytes for one in done}

    def steps(self, sources: Iterable[Source]) -> Iterator[Step]:
        """One step for each source, in their order."""
        return map(self._step, sources)

    def _step(self, source: Source) -> Step:
        known = self._by_name.get(source.name)
        size_bytes, modified_ns = look_at(source.paths)
        if known and (known.row.size_bytes, known.row.modified_ns) == (size_bytes, modified_ns):
            return Step("skip", source, done=known)
        if size_bytes not in self._sizes:
            return Step("embed", source)
        try:
            identity = identity_of(source.paths)
        except (FileNotFoundError, UnreadableMediaError):
            return Step("embed", source)  # whose decoder says what is wrong
        if known and known.row.content == identity.content:  # only touched since
            return Step("skip", source, done=known)
        same = self._by_content.get((source.kind, identity.content))
        return Step("copy" if same else "embed", source, identity, same)
