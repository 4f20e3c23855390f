"""`fused-encoder index`: embeddings to a queryable index, and its maintenance."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.options import add_command
from app.cli.outcome import DONE, DONE_WITH_SKIPPED, ERROR, table

if TYPE_CHECKING:
    from inference.embeddings import Embeddings
    from inference.index import Approximation, EmbeddingIndex

    Rows = tuple[Sequence[str], Embeddings, Sequence[Mapping[str, str | int | float | bool | None]]]


def add_options(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    parser = add_command(commands, "index", "keep embeddings to be queried")
    parts = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def add(action: str, told: str, name: str = "INDEX") -> argparse.ArgumentParser:
        part = parts.add_parser(action, help=told, description=f"{told[0].upper()}{told[1:]}.")
        part.add_argument("index", metavar=name, help="such as birds.index")
        return part

    build = add("build", "add embeddings to an index, made if it is not there")
    build.add_argument(
        "embeddings", nargs="+", metavar="EMBEDDINGS", help="folder or FILE.npz that `embed` wrote"
    )
    add("info", "what an index holds")
    add("log", "what was done to an index, and when")
    export = add("export", "write all rows as Parquet or CSV")
    export.add_argument("file", metavar="FILE", help="ends in .parquet or .csv")
    imports = add(
        "import", "add rows that `index export` wrote, to an index made if it is not there"
    )
    imports.add_argument("file", metavar="FILE", help="ends in .parquet or .csv")
    add("compact", "give the space of deleted rows back to the disk")
    approximate = add(
        "approximate", "make ready for approximate search, and measure what it misses"
    )
    approximate.add_argument(
        "--target-recall", type=float, default=0.99, metavar="R", help="of the ten nearest"
    )
    add("check", "read everything and compare every checksum")
    recover = add("recover", "save what can be read of a damaged index", "DAMAGED")
    recover.add_argument("recovered", metavar="RECOVERED", help="the new index")


def run(options: argparse.Namespace) -> int:
    """Builds an index, says what it holds, or takes care of it."""
    from inference.index import EmbeddingIndex

    if options.action == "build":
        return _build(options)
    if options.action == "import":
        return _import(options)
    if options.action == "recover":
        return _recover(options)
    actions = {
        "info": _info,
        "log": _log,
        "export": _export,
        "compact": _compact,
        "approximate": _approximate,
        "check": _check,
    }
    with EmbeddingIndex.open(options.index, create=False) as index:
        return actions[options.action](index, options)


def recall_of(approximation: Approximation | None) -> str:
    """What an approximate search misses, in one line."""
    if approximation is None:
        return (
            "Exact search: the index has too few rows for an approximate one (50,000), is on Milvus, or has "
            "changed since `fused-encoder index approximate`."
        )
    return (
        f"Approximate search: recall@10 {approximation.recall_at_10:.4f} "
        f"({approximation.num_queries} rows as queries; {approximation.num_probes} of "
        f"{approximation.num_lists} groups are searched)."
    )


def _build(options: argparse.Namespace) -> int:
    from inference.index import EmbeddingIndex

    given = {path: _rows_of(path) for path in options.embeddings}  # before an index is made
    with EmbeddingIndex.open(options.index) as index:
        for path in given:
            _refuse_stale_rows(index, path)
        for path, batches in given.items():
            num = new = 0
            for ids, embeddings, metadata in batches:
                new += index.add(ids, embeddings, metadata)
                num += len(ids)
            print(f"{new} new of {num} rows from '{path}'.")
        _make_ready(index)
        print(f"'{index.address}' holds {len(index)} embeddings.")
    return DONE


def _rows_of(path: str) -> Iterable[Rows]:
    """Ids, embeddings and metadata, some at a time, of a file or folder that `embed` wrote."""
    if not Path(path).is_dir():
        from inference.embedding_file import load_embeddings

        rows = load_embeddings(path)
        return [(rows.ids, rows.embeddings, rows.metadata)]
    from archives.embed.archive import Archive

    archive = Archive(path)
    if archive.fingerprint is None:
        raise ValueError(f"'{path}' holds no embeddings: none of its files could be embedded.")
    return archive.batches()


def _refuse_stale_rows(index: EmbeddingIndex, path: str) -> None:
    """Windows of files that were embedded anew, cut otherwise, must not stay beside those of now."""
    if len(index) == 0 or not Path(path).is_dir():
        return
    from archives.embed.archive import Archive

    archive = Archive(path)
    ids = {id_ for batch, _, _ in archive.batches() for id_ in batch}
    stale = [
        row.id
        for row in index
        if row.id not in ids and archive.find(row.id.rpartition("#t=")[0]) is not None
    ]
    if stale:
        raise ValueError(
            f"'{index.address}' holds {len(stale)} rows that '{path}' no longer holds, such as {stale[0]!r}: "
            "their files were embedded anew since, or with other windows. Nothing was added. Build a new "
            "index."
        )


def _import(options: argparse.Namespace) -> int:
    from inference.index import EmbeddingIndex, import_rows

    with EmbeddingIndex.open(options.index) as index:
        print(f"{import_rows(index, options.file)} new rows from '{options.file}'.")
        _make_ready(index)
        print(f"'{index.address}' holds {len(index)} embeddings.")
    return DONE


def _make_ready(index: EmbeddingIndex) -> None:
    """The first search writes the matrix beside the index: here, so that no query waits for it."""
    for row in index:
        index.search(row.embedding, k=1)
        return


def _recover(options: argparse.Namespace) -> int:
    from inference.index import recover_index

    recovery = recover_index(options.index, options.recovered)
    print(f"{recovery.num_recovered} embeddings in '{options.recovered}'.")
    print(f"encoder         {recovery.fingerprint or 'unknown'}")
    if recovery.num_damaged:
        print(f"{recovery.num_damaged} rows are not what was written; left out.", file=sys.stderr)
    if recovery.lost_ids:
        print(f"{len(recovery.lost_ids)} ids are known to be lost:", file=sys.stderr)
        for id_ in recovery.lost_ids:
            print(f"  {id_}", file=sys.stderr)
    return DONE_WITH_SKIPPED if recovery.lost_ids or recovery.num_damaged else DONE


def _info(index: EmbeddingIndex, options: argparse.Namespace) -> int:
    print(f"embeddings      {len(index)}")
    print(f"embedding size  {index.embedding_size}")
    print(f"encoder         {index.fingerprint or 'unknown'}")
    if index.approximation:
        print(recall_of(index.approximation))
    return DONE


def _log(index: EmbeddingIndex, options: argparse.Namespace) -> int:
    rows = [
        (entry.number, entry.time.isoformat(), entry.action, entry.num_rows, entry.version)
        for entry in index.log()
    ]
    print(table(rows, ("entry", "time", "action", "rows", "version")))
    return DONE


def _export(index: EmbeddingIndex, options: argparse.Namespace) -> int:
    from inference.index import export_rows

    print(f"{export_rows(index, options.file)} rows in '{options.file}'.")
    return DONE


def _compact(index: EmbeddingIndex, options: argparse.Namespace) -> int:
    print(f"{index.compact()} bytes given back.")
    return DONE


def _approximate(index: EmbeddingIndex, options: argparse.Namespace) -> int:
    print(recall_of(index.build_approximate(target_recall=options.target_recall)))
    return DONE


def _check(index: EmbeddingIndex, options: argparse.Namespace) -> int:
    faults = index.check()
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        if Path(options.index).is_file():  # recovery reads the pages of a file
            advice = f"fused-encoder index recover {options.index} recovered.index"
            print(f"Save what can be read: {advice}", file=sys.stderr)
        return ERROR
    print(f"All {len(index)} rows of '{index.address}' are as they were written.")
    return DONE
