"""`fused-encoder index`: embeddings to a queryable index, and its maintenance."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.cli.options import add_action, add_command, value
from app.cli.outcome import DONE, DONE_WITH_SKIPPED, ERROR, table

if TYPE_CHECKING:
    from inference.embeddings import Embeddings
    from inference.index import Approximation, EmbeddingIndex

    Rows = tuple[Sequence[str], Embeddings, Sequence[Mapping[str, str | int | float | bool | None]]]


def add_options(commands: argparse._SubParsersAction) -> None:
    """Adds the command to the parser."""
    parser = add_command(commands, "index", "keep embeddings to be queried")
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def add(action: str, text: str, name: str = "INDEX") -> argparse.ArgumentParser:
        return add_action(actions, action, text, positional=("index", name, "such as birds.index"))

    build = add("build", "add embeddings to an index, made if it is not there")
    made_by = "folder or FILE.npz that `embed` wrote"
    value(build, "embeddings", str, "EMBEDDINGS", made_by, nargs="+")
    add("info", "what an index holds")
    add("log", "what was done to an index, and when")
    export = add("export", "write all rows as Parquet or CSV")
    imports = add(
        "import", "add rows that `index export` wrote, to an index made if it is not there"
    )
    for part in (export, imports):
        value(part, "file", str, "FILE", "ends in .parquet or .csv")
    add("compact", "give the space of deleted rows back to the disk")
    ready = add("approximate", "make ready for approximate search, and measure what it misses")
    value(ready, "--target-recall", 0.99, "R", "of the ten nearest")
    add("check", "read everything and compare every checksum")
    recover = add("recover", "save what can be read of a damaged index", "DAMAGED")
    value(recover, "recovered", str, "RECOVERED", "the new index")


def run(options: argparse.Namespace) -> int:
    """Builds an index, says what it holds, or takes care of it."""
    from inference.index import EmbeddingIndex, export_rows, import_rows

    if options.action == "recover":
        return _recover(options)
    given = {}
    if options.action == "build":  # before an index is made
        given = {path: _rows_of(path) for path in options.embeddings}
    makes_one = options.action in ("build", "import")
    with EmbeddingIndex.open(options.index, create=makes_one) as index:
        match options.action:
            case "build":
                _add(index, given)
            case "import":
                print(f"{import_rows(index, options.file)} new rows from '{options.file}'.")
            case "info":
                print(f"embeddings      {len(index)}")
                print(f"embedding size  {index.embedding_size}")
                print(f"encoder         {index.fingerprint or 'unknown'}")
                if index.approximation:
                    print(recall_of(index.approximation))
            case "log":
                rows = [
                    (e.number, e.time.isoformat(), e.action, e.num_rows, e.version)
                    for e in index.log()
                ]
                print(table(rows, ("entry", "time", "action", "rows", "version")))
            case "export":
                print(f"{export_rows(index, options.file)} rows in '{options.file}'.")
            case "compact":
                print(f"{index.compact()} bytes given back.")
            case "approximate":
                print(recall_of(index.build_approximate(target_recall=options.target_recall)))
            case "check":
                return _check(index, options.index)
        if makes_one:
            _make_ready(index)
            print(f"'{index.address}' holds {len(index)} embeddings.")
    return DONE


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


def _add(index: EmbeddingIndex, given: Mapping[str, Iterable[Rows]]) -> None:
    for path in given:
        _refuse_stale_rows(index, path)
    for path, batches in given.items():
        num = new = 0
        for ids, embeddings, metadata in batches:
            new += index.add(ids, embeddings, metadata)
            num += len(ids)
        print(f"{new} new of {num} rows from '{path}'.")


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
        lost = "\n  ".join(recovery.lost_ids)
        print(f"{len(recovery.lost_ids)} ids are known to be lost:\n  {lost}", file=sys.stderr)
    return DONE_WITH_SKIPPED if recovery.lost_ids or recovery.num_damaged else DONE


def _check(index: EmbeddingIndex, path: str) -> int:
    faults = index.check()
    if not faults:
        print(f"All {len(index)} rows of '{index.address}' are as they were written.")
        return DONE
    print(*faults, sep="\n", file=sys.stderr)
    if Path(path).is_file():  # recovery reads the pages of a file
        advice = f"fused-encoder index recover {path} recovered.index"
        print(f"Save what can be read: {advice}", file=sys.stderr)
    return ERROR
