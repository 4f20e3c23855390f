"""A thousand files of which two hundred are bad, and each bad kind by itself."""

import os

import numpy as np
import pytest

from archives.embed.archive import Archive
from archives.embed.embed_archive import embed_archive
from archives.embed.embed_sources import Decoding
from archives.embed.sources import path_to_name
from tests.bad_inputs import KINDS
from tests.bad_inputs.archive import write_archive

WORKERS = Decoding(num_workers=2, time_limit_seconds=30)


def test_of_a_thousand_files_800_are_embedded_and_200_explained(embedder, tmp_path):
    fates = {path_to_name(path): status for path, status in write_archive(tmp_path / "archive")}
    summary = embed_archive(embedder, [tmp_path / "archive"], tmp_path / "out", decoding=WORKERS)
    assert {row.file: row.status for row in summary.rows} == fates
    assert summary.by_status["ok"] == 800
    assert all(row.reason for row in summary.not_whole)
    assert len(Archive(tmp_path / "out").files) == 1000


@pytest.fixture(scope="module")
def each_kind(embedder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kinds")
    rng = np.random.default_rng(0)
    written = {}
    for kind in KINDS:
        written[kind.name] = folder / kind.name / kind.file_name
        written[kind.name].parent.mkdir()
        kind.write(written[kind.name], rng)
    return embed_archive(embedder, [folder], folder / "out", decoding=WORKERS), written


@pytest.mark.parametrize("kind", [pytest.param(kind, id=kind.name) for kind in KINDS])
def test_each_kind_of_bad_file_gets_what_the_page_on_robustness_says(each_kind, kind):
    if kind.name == "locked_photo" and os.geteuid() == 0:
        pytest.skip("root may read everything")
    summary, written = each_kind
    rows = [row for row in summary.rows if row.file == path_to_name(written[kind.name])]
    assert [row.status for row in rows] == ([] if kind.status == "no row" else [kind.status])
    for row in rows:
        told = " ".join([row.reason or "", *row.notes])
        assert kind.says in told
        assert (row.num_embeddings > 0) == (row.status in ("ok", "partial"))


def test_nothing_that_is_embedded_of_bad_files_is_other_than_of_unit_length(each_kind):
    summary, _ = each_kind
    for _, embeddings, _ in Archive(summary.folder).batches():
        np.testing.assert_allclose(np.linalg.norm(embeddings, axis=1), 1, atol=1e-5)
