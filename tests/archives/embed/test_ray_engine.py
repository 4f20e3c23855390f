"""On a cluster of two machines the run gives what it gives here, whoever is killed in the middle."""

import os
import signal
import socket
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from archives.embed import ray_engine
from archives.embed.archive import Archive
from archives.embed.embed_archive import embed_archive
from archives.embed.embed_sources import Decoding
from archives.embed.ray_engine import BatchWorker, ClusterJob, RayEngine, batches_of
from archives.embed.settings import ArchiveSettings, Run
from archives.embed.sources import Source
from inference import Embedder
from tests.archives.embed.conftest import assert_same_embeddings

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
def inputs(aviary, tmp_path_factory):
    """The aviary, and two files that cannot be read."""
    bad = tmp_path_factory.mktemp("bad")
    (bad / "text.wav").write_text("no sound")
    (bad / "cut.jpg").write_bytes(next(aviary.images.rglob("*.jpg")).read_bytes()[:300])
    return [aviary.images, aviary.audio, bad]


@pytest.fixture(scope="module")
def plain(embedder, inputs, tmp_path_factory):
    """The plain run."""
    folder = tmp_path_factory.mktemp("plain")
    embed_archive(embedder, inputs, folder, settings=CUT, decoding=Decoding(0))
    return Archive(folder)


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


def test_two_machines_give_what_one_gives_though_an_actor_dies(
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
    assert summary.by_status == {"ok": len(plain.files) - 2, "unreadable": 2}
    assert sorted(row.file for row in summary.rows) == [row.file for row in plain.files]
    found, expected = (
        [replace(row, finished_ns=0) for row in one.files] for one in (Archive(tmp_path), plain)
    )
    assert found == expected
    assert_same_embeddings(tmp_path, plain.folder)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert (names, list(tmp_path.glob("shards/.*"))) == (["files.parquet", "shards"], [])


def test_only_the_file_that_kills_its_process_is_crashed(
    cluster, embedder, inputs, tmp_path, monkeypatch
):
    photos = sorted(inputs[0].rglob("*.jpg"))[:3]
    deadly = tmp_path / "deadly.jpg"
    deadly.write_bytes(photos[0].read_bytes())
    monkeypatch.setattr(ray_engine, "BatchWorker", _dying_worker(str(deadly)))
    engine = RayEngine(cluster.address, num_actors=1)
    summary = embed_archive(
        embedder, [*photos, deadly], tmp_path, settings=CUT, decoding=Decoding(0), engine=engine
    )
    [row] = summary.not_whole
    assert (row.file, row.status) == (str(deadly), "crashed")
    assert row.reason == "the process that embeds it died each time."
    assert {row.status for row in Archive(tmp_path).files} == {"ok", "crashed"}


def _dying_worker(deadly: str) -> type:
    """Made in a function, so that Ray sends it whole: the cluster does not see the tests."""

    class DyingWorker:
        def __init__(self, job, batches):
            from archives.embed.ray_engine import BatchWorker

            self._worker, self._batches = BatchWorker(job, batches), batches

        def __call__(self, batch):
            import ray

            sources = ray.get(self._batches[int(batch["number"][0])])
            if any(source.name == deadly for source, _ in sources):
                os.kill(os.getpid(), signal.SIGKILL)
            return self._worker(batch)

    return DyingWorker


def test_a_machine_with_another_folder_or_encoder_ends_the_run(exported, tmp_path, monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.chdir(tmp_path)
    for name in ("intra", "inter"):  # TensorFlow runs here already
        setting = f"tensorflow.config.threading.set_{name}_op_parallelism_threads"
        monkeypatch.setattr(setting, lambda num_threads: None)
    run = Run("f" * 16, 128, ArchiveSettings())
    job = ClusterJob(exported, tmp_path, tmp_path / "mark", tmp_path, run, Decoding(), 1)
    told = BatchWorker(job, [])({"number": np.array([0])})
    expected = (
        f"does not see {tmp_path / 'mark'}. Expected inputs, encoder and output under the same"
    )
    assert expected in told["error"][0]
    job.mark.touch()
    told = BatchWorker(job, [])({"number": np.array([0])})
    assert "is another: its fingerprint is" in told["error"][0]


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


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"num_actors": 0}, "Expected num_actors > 0, received 0"),
        ({"files_per_batch": 0}, "Expected files_per_batch > 0, received 0"),
        ({"address": "ray://head:10001"}, "does not run over Ray's client"),
    ],
)
def test_options_out_of_range_are_refused(options, words):
    with pytest.raises(ValueError, match=words):
        RayEngine(**options)


@pytest.mark.parametrize("form", ["127.0.0.1:{}", "nowhere"])
def test_an_address_where_nobody_answers_is_refused_at_once(embedder, inputs, tmp_path, form):
    pytest.importorskip("ray")
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = form.format(server.getsockname()[1])
    with pytest.raises(ConnectionError, match=f"No Ray cluster can be reached at '{address}'"):
        embed_archive(embedder, inputs[:1], tmp_path, engine=RayEngine(address))


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([1, 1, 1, 1, 1], [3, 2]),
        ([6, 6, 6], [1, 1, 1]),
        ([4, 6, 1], [2, 1]),
        ([1, 99, 1], [1, 1, 1]),
        ([], []),
    ],
)
def test_batches_hold_three_files_or_ten_bytes(tmp_path, monkeypatch, sizes, expected):
    monkeypatch.setattr(ray_engine, "BYTES_PER_BATCH", 10)
    for number, size_bytes in enumerate(sizes):
        (tmp_path / f"{number}.jpg").write_bytes(bytes(size_bytes))
    names = (f"{number}.jpg" for number in range(len(sizes)))
    sources = [(Source("image", tmp_path / name), None) for name in names]
    batches = list(batches_of(sources, 3))
    assert [len(batch) for batch in batches] == expected
    assert [one for batch in batches for one in batch] == sources
