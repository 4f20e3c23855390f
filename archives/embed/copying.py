"""The same bytes under another name: their embeddings are copied, not computed again."""

from __future__ import annotations

from dataclasses import replace

import pyarrow

from archives.embed.archive import Archive, Filed
from archives.embed.content import Identity
from archives.embed.embedding_rows import told_of
from archives.embed.file_rows import FileRow
from archives.embed.shards import FileShare
from archives.embed.sources import Source


def copy_embeddings(
    archive: Archive, done: Filed, source: Source, identity: Identity, share: FileShare
) -> FileRow:
    """Gives a source the embeddings of another of the same content.

    Args:
        archive: where that one is.
        done: that one.
        source: the source that is to have them.
        identity: its own.
        share: where they go.

    Returns:
        What became of it.
    """
    for table in archive.tables_of(done):
        share.add_table(_renamed(table, done.row.file, source))
    return share.finish(
        replace(
            done.row,
            file=source.name,
            size_bytes=identity.size_bytes,
            modified_ns=identity.modified_ns,
            copy_of=done.row.copy_of or done.row.file,
        )
    )


def _renamed(table: pyarrow.Table, name: str, source: Source) -> pyarrow.Table:
    """The rows under the name of another source; their times stay."""
    values = {**told_of(source)}
    for column, value in values.items():
        place = table.schema.get_field_index(column)
        field = table.schema.field(column)
        table = table.set_column(place, field, [pyarrow.array([value] * len(table), field.type)])
    ids = [source.name + row.removeprefix(name) for row in table["id"].to_pylist()]
    place = table.schema.get_field_index("id")
    return table.set_column(place, table.schema.field("id"), [pyarrow.array(ids, pyarrow.string())])
