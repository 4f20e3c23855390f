"""A process of a cluster: what it does after it has died, and what it checks before it begins."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from archives.embed import ray_worker
from archives.embed.archive import Archive
from archives.embed.embed_sources import Decoding
from archives.embed.file_rows import FileRow
from archives.embed.ray_batches import sources_to_text, text_to_rows
from archives.embed.ray_worker import Attempts, BatchWorker, ClusterJob
from archives.embed.run import Run
from archives.embed.settings import ArchiveSettings
from archives.embed.shards import ShardWriter
from archives.embed.sources import Source


class Killed(Exception):  # noqa: N818 - stands for a death, which is no error
    """In place of the death of the process."""


class FakeTools:
    """Dies of photos that are called bad."""

    def __init__(self):
        self.embedded: list[list[str]] = []

    def embed(self, sources):
        names = [source.name for source, _ in sources]
        self.embedded.append(names)
        if "bad.jpg" in names:
            raise Killed
        return [FileRow(name, "image", "ok") for name in names]

    def give_up(self, source):
        return FileRow(source.name, "image", "crashed")


@pytest.fixture
def tools() -> FakeTools:
    return FakeTools()


@pytest.fixture
def work(tools, monkeypatch):
    """Embeds a batch by ever new processes until one lives; how many it took, and the statuses."""
    here = SimpleNamespace(get=lambda answer: answer)
    monkeypatch.setitem(sys.modules, "ray", here)
    attempts = Attempts()
    handle = SimpleNamespace(
        begin=SimpleNamespace(remote=attempts.begin), end=SimpleNamespace(remote=attempts.end)
    )

    def run(*names: str) -> tuple[int, dict[str, str]]:
        text = sources_to_text([(Source("image", Path(name)), None) for name in names])
        for num_processes in range(1, 10):
            worker = BatchWorker(None, handle)
            worker.__dict__["_tools"] = tools
            try:
                rows = text_to_rows(worker({"number": [7], "sources": [text]})["rows"][0])
            except Killed:
                continue
            return num_processes, {row.file: row.status for row in rows}
        raise AssertionError("no process lived")

    return run


def test_a_good_batch_is_embedded_at_once(work, tools):
    assert work("a.jpg", "b.jpg") == (1, {"a.jpg": "ok", "b.jpg": "ok"})
    assert tools.embedded == [["a.jpg", "b.jpg"]]


def test_a_file_that_kills_every_process_is_crashed_and_the_others_are_not(work):
    num_processes, statuses = work("a.jpg", "bad.jpg", "b.jpg")
    assert statuses == {"a.jpg": "ok", "bad.jpg": "crashed", "b.jpg": "ok"}
    assert num_processes == 5  # twice as a batch, twice alone, and the one that gives it up


def test_what_was_embedded_alone_is_not_done_again_for_the_death_of_another(work, tools):
    work("a.jpg", "bad.jpg", "b.jpg")
    assert tools.embedded.count(["a.jpg"]) == tools.embedded.count(["b.jpg"]) == 1


def test_attempts_count_until_the_end():
    attempts = Attempts()
    assert [attempts.begin("x")[0] for _ in range(3)] == [1, 2, 3]
    attempts.end("x", "told")
    assert attempts.begin("x") == (1, "told")
    assert attempts.begin("y") == (1, None)


@pytest.fixture
def job(exported, embedder, tmp_path) -> ClusterJob:
    (tmp_path / "out/mark").parent.mkdir()
    (tmp_path / "out/mark").touch()
    run = Run(embedder.fingerprint, 128, ArchiveSettings())
    folder = tmp_path / "out"
    return ClusterJob(exported, folder, folder / "mark", tmp_path, run, Decoding(), 1)


def test_a_machine_that_sees_another_folder_is_refused(job):
    job.mark.unlink()
    expected = (
        r"machine .* does not see '.*mark'\. Expected inputs, encoder and output under the same"
    )
    with pytest.raises(FileNotFoundError, match=expected):
        ray_worker._check_folders(job)


def test_another_encoder_on_a_machine_is_refused(job):
    other = ClusterJob(**{**vars(job), "run": Run("f" * 16, 128, ArchiveSettings())})
    with pytest.raises(ValueError, match=r"is another: its fingerprint is .* expected ffff"):
        ray_worker._load(other)


def test_a_file_that_is_given_up_is_a_row_in_a_shard(job):
    tools = ray_worker._Tools.__new__(ray_worker._Tools)
    tools._writer = ShardWriter(job.folder, job.run)
    row = tools.give_up(Source("image", Path("bad.jpg")))
    assert (row.status, row.reason) == (
        "crashed",
        "the process that embeds it died of it, in 2 attempts.",
    )
    assert Archive(job.folder).files == [row]


def test_a_process_that_dies_as_it_loads_the_encoder_ends_the_run_in_the_end(job, monkeypatch):
    context = SimpleNamespace(get_actor_id=lambda: "a1")
    here = SimpleNamespace(get=lambda answer: answer, get_runtime_context=lambda: context)
    monkeypatch.setitem(sys.modules, "ray", here)
    attempts = Attempts()
    for _ in range(ray_worker.MOST_VAIN_STARTS):
        attempts.begin("start a1")
    handle = SimpleNamespace(begin=SimpleNamespace(remote=attempts.begin))
    with pytest.raises(OSError, match=r"died 5 times in a row .* --ray-actors"):
        _ = BatchWorker(job, handle)._tools
