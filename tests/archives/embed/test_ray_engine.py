"""On a cluster of two machines the run gives what it gives here, whoever is killed in the middle."""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from archives.embed import ray_run
from archives.embed.archive import Archive
from archives.embed.embed_archive import NotWholeError, embed_archive
from archives.embed.embed_sources import Decoding
from archives.embed.ray_engine import RayEngine
from archives.embed.settings import ArchiveSettings
from inference import Embedder

pytestmark = pytest.mark.ray
SMALL = {"num_cpus": 1, "object_store_memory": 80_000_000, "include_dashboard": False}
CUT = ArchiveSettings(window_seconds=2.0, hop_seconds=1.0)


@pytest.fixture(scope="module")
def cluster():
    """Two machines, that is two raylets, of one core each."""
    pytest.importorskip("ray", reason="Ray is not installed (extra [ray])")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args=SMALL)
    cluster.add_node(**SMALL)
    yield cluster
    cluster.shutdown()


@pytest.fixture(scope="module")
def inputs(aviary, tmp_path_factory) -> list[Path]:
    """The aviary, and two files that cannot be read."""
    bad = tmp_path_factory.mktemp("bad")
    (bad / "text.wav").write_text("no sound")
    (bad / "cut.jpg").write_bytes(next(aviary.images.rglob("*.jpg")).read_bytes()[:300])
    return [aviary.images, aviary.audio, bad]


@pytest.fixture(scope="module")
def plain(embedder: Embedder, inputs, tmp_path_factory) -> Archive:
    """The plain run."""
    folder = tmp_path_factory.mktemp("plain")
    embed_archive(embedder, inputs, folder, settings=CUT, decoding=Decoding(0))
    return Archive(folder)


def rows_of(archive: Archive) -> list:
    return [replace(row, finished_ns=0) for row in archive.files]


def embeddings_of(archive: Archive) -> dict[str, np.ndarray]:
    pairs = [
        pair
        for ids, embeddings, _ in archive.batches()
        for pair in zip(ids, np.asarray(embeddings), strict=True)
    ]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def assert_same(found: Archive, plain: Archive) -> None:
    assert rows_of(found) == rows_of(plain)
    ours, theirs = embeddings_of(found), embeddings_of(plain)
    assert ours.keys() == theirs.keys()
    for name, embedding in ours.items():
        np.testing.assert_allclose(embedding, theirs[name], atol=1e-5)


def actors_of(cluster) -> dict[int, int]:
    """The processes that embed, and the raylet of each."""
    raylets = {
        node.all_processes["raylet"][0].process.pid
        for node in (cluster.head_node, *cluster.worker_nodes)
    }
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            told = (folder / "cmdline").read_bytes()
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if parent in raylets and told.startswith(b"ray::MapWorker"):
            found[int(folder.name)] = parent
    return found


def test_two_machines_give_what_one_gives_file_by_file(
    cluster, embedder, inputs, plain, tmp_path, capfd
):
    capfd.readouterr()
    engine = RayEngine(cluster.address)
    summary = embed_archive(embedder, inputs, tmp_path, settings=CUT, engine=engine)
    assert_same(Archive(tmp_path), plain)
    assert summary.by_status == {"ok": len(plain.files) - 2, "unreadable": 2}
    assert sorted(map(str, tmp_path.iterdir())) == [
        f"{tmp_path}/files.parquet",
        f"{tmp_path}/shards",
    ]
    assert not list(tmp_path.glob("shards/.*"))
    assert "".join(capfd.readouterr()) == ""


def test_a_killed_actor_loses_nothing_and_doubles_nothing(
    cluster, embedder, inputs, plain, tmp_path
):
    seen = {}

    def engine(embedder, sources, writer, decoding, finished):
        def kill_and_finish(row):
            if not seen:
                seen.update(actors_of(cluster))
                os.kill(next(iter(seen)), signal.SIGKILL)
            finished(row)

        ray = RayEngine(cluster.address, num_actors=2, files_per_batch=4)
        ray(embedder, sources, writer, decoding, kill_and_finish)

    summary = embed_archive(
        embedder, inputs, tmp_path, settings=CUT, decoding=Decoding(0), engine=engine
    )
    assert len(set(seen.values())) == 2, "each machine has an actor"
    assert sorted(row.file for row in summary.rows) == [row.file for row in plain.files]
    assert_same(Archive(tmp_path), plain)


def test_strict_ends_at_the_first_file_that_is_not_whole_from_afar_too(
    cluster, embedder, inputs, tmp_path, monkeypatch
):
    monkeypatch.setattr(ray_run, "_is_afar", lambda: True)  # a deputy runs Ray Data
    engine = RayEngine(cluster.address, num_actors=1)
    bad = inputs[-1]
    with pytest.raises(NotWholeError, match="strict: the run stops here"):
        embed_archive(embedder, [bad], tmp_path, settings=CUT, strict=True, engine=engine)
    assert {row.status for row in Archive(tmp_path).files} == {"unreadable"}


def test_without_ray_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ImportError, match=r"pip install 'fused-encoder\[ray\]'"):
        RayEngine()


def test_an_encoder_in_no_folder_is_refused(encoder, yamnet, inputs, tmp_path):
    pytest.importorskip("ray")
    live = Embedder.from_encoder(encoder, yamnet)
    with pytest.raises(ValueError, match="Export this one"):
        embed_archive(live, inputs, tmp_path, engine=RayEngine())


def test_where_all_is_done_no_cluster_is_needed(embedder, inputs, tmp_path):
    pytest.importorskip("ray")
    good = inputs[:1]
    embed_archive(embedder, good, tmp_path, settings=CUT, decoding=Decoding(0))
    again = embed_archive(embedder, good, tmp_path, settings=CUT, engine=RayEngine("nowhere:1"))
    assert again.num_new == 0


@pytest.mark.parametrize("options", [{"num_actors": 0}, {"files_per_batch": 0}])
def test_numbers_that_make_no_sense_are_refused(options):
    with pytest.raises(ValueError, match=rf"Expected {next(iter(options))} > 0, received 0"):
        RayEngine(**options)
