"""What there is to do: what was done is not done again, and the same bytes are not embedded twice."""

from __future__ import annotations

from dataclasses import dataclass, replace

from archives.embed.archive import Archive, FiledFile
from archives.embed.rows import FileRow
from archives.embed.sources import Identity, Source
from media import UnreadableMediaError


@dataclass(frozen=True)
class Skip:
    """A source is done, as this row says."""

    row: FileRow


@dataclass(frozen=True)
class Copy:
    """The same bytes as those of a source are done under another name."""

    source: Source
    identity: Identity
    done: FiledFile


@dataclass(frozen=True)
class Embed:
    """A source is to be embedded; with its identity, where it had to be read to tell."""

    source: Source
    identity: Identity | None = None


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
        self._by_name = {one.row.file: one.row for one in done}
        self._by_content = {(one.row.kind, one.row.content): one for one in done}
        self._sizes = {one.row.size_bytes for one in done}

    def step(self, source: Source) -> Skip | Copy | Embed:
        """What is to be done with a source."""
        known, looks = self._by_name.get(source.name), source.look()
        if known and replace(known.identity, content="") == looks:
            return Skip(known)
        if looks.size_bytes not in self._sizes:
            return Embed(source)
        try:
            identity = source.read_identity()
        except (FileNotFoundError, UnreadableMediaError):
            return Embed(source)  # its decoder says what is wrong
        if known and known.content == identity.content:  # only touched since
            return Skip(known)
        same = self._by_content.get((source.kind, identity.content))
        return Copy(source, identity, same) if same else Embed(source, identity)
