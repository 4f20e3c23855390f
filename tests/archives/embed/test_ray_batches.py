"""Sources travel to other machines in batches, with whatever names they have."""

import os
from itertools import chain
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archives.embed.content import Identity
from archives.embed.file_rows import FileRow, Skipped
from archives.embed.ray_batches import (
    batches_of,
    rows_to_text,
    sources_to_text,
    text_to_rows,
    text_to_sources,
)
from archives.embed.sources import Source

NAMES = st.binary(min_size=1, max_size=20).map(lambda name: os.fsdecode(name.replace(b"\0", b"_")))


def photos_of(folder: Path, *sizes: int) -> list:
    for number, size_bytes in enumerate(sizes):
        (folder / f"{number}.jpg").write_bytes(bytes(size_bytes))
    return [(Source("image", folder / f"{number}.jpg"), None) for number in range(len(sizes))]


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([1, 1, 1, 1, 1], [3, 2]),
        ([1, 1, 1], [3]),
        ([6, 6, 6], [1, 1, 1]),
        ([4, 6, 1], [2, 1]),
        ([1, 99, 1], [1, 1, 1]),
        ([], []),
    ],
)
def test_batches_hold_three_files_or_ten_bytes_or_one_that_is_larger(tmp_path, sizes, expected):
    sources = photos_of(tmp_path, *sizes)
    batches = list(batches_of(sources, files_per_batch=3, bytes_per_batch=10))
    assert [len(batch) for batch in batches] == expected
    assert list(chain.from_iterable(batches)) == sources


def test_files_that_are_not_there_are_in_batches_too(tmp_path):
    gone = (Source("image", tmp_path / "gone.jpg"), None)
    assert list(batches_of([gone], files_per_batch=3)) == [[gone]]


@given(st.lists(NAMES, max_size=3), st.booleans())
def test_sources_arrive_as_they_left_whatever_their_names(names, is_known):
    identity = Identity("0" * 32, 5, 7) if is_known else None
    sources = [(Source("pair", Path(name), Path("photo", name)), identity) for name in names]
    sources += [(Source("video", Path(name)), None) for name in names]
    text = sources_to_text(sources)
    assert text.isascii()
    assert text_to_sources(text) == sources


def test_rows_arrive_as_they_left():
    skipped = (Skipped(0.0, 2.5, "silent"),)
    rows = [FileRow("é.wav", "recording", "partial", "cut", skipped=skipped, notes=("a", "b"))]
    assert text_to_rows(rows_to_text(rows)) == rows
