"""The queue of the network: what waits goes together, one's fault is not another's, and it has an end."""

import asyncio
import threading

import numpy as np
import pytest

from app.web.batches import Batches
from app.web.busy import BusyError
from app.web.house import Workspace
from app.web.settings import ServeSettings
from app.web.work import Work


def test_what_comes_while_a_batch_is_in_work_is_the_next_batch():
    go, sizes = threading.Event(), []

    def double(items):
        sizes.append(len(items))
        assert go.wait(20)
        return [ValueError("odd") if item % 2 else 2 * item for item in items]

    async def ask_many():
        batches = Batches(double, batch_size=3, most_waiting=5, observe=lambda _: None)
        first = asyncio.create_task(batches.ask(0))
        await asyncio.sleep(0.05)  # it is in work now, and waits for `go`
        others = [asyncio.create_task(batches.ask(item)) for item in range(1, 6)]
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await batches.ask(6)
        others[1].cancel()  # who has gone is not worked for
        go.set()
        results = await asyncio.gather(first, *others, return_exceptions=True)
        batches.close()
        return results

    first, one, gone, three, four, five = asyncio.run(ask_many())
    assert (first, four) == (0, 8)
    assert all(isinstance(fault, ValueError) for fault in (one, three, five))
    assert isinstance(gone, asyncio.CancelledError)
    assert sizes == [1, 3, 1]


def test_a_batch_that_fails_whole_fails_for_each_and_the_next_one_is_done():
    def fail_once(items):
        if items[0] == 0:
            raise RuntimeError("out of memory")
        return list(items)

    async def ask_both():
        batches = Batches(fail_once, batch_size=1, most_waiting=5, observe=lambda _: None)
        with pytest.raises(RuntimeError, match="memory"):
            await batches.ask(0)
        return await batches.ask(1)

    assert asyncio.run(ask_both()) == 1


def test_one_search_that_cannot_be_done_fails_no_other(exported, small_index, embedder, photos):
    workspace = Workspace(ServeSettings(encoder=exported, index=str(small_index)))
    embedding = embedder.embed([photos[0]])

    async def ask_three():
        work = Work(workspace)
        asked = (
            work.search(embedding, 2),
            work.search(embedding[:, :7] / np.linalg.norm(embedding[:, :7]), 2),
            work.search(embedding, 2, where={"class": "nobody"}),
        )
        results = await asyncio.gather(*asked, return_exceptions=True)
        silent = np.zeros(16_000, np.float32)
        embedded = await asyncio.gather(
            work.embed(None, silent), work.embed(np.asarray(IMAGE), None), return_exceptions=True
        )
        work.close()
        return results, embedded

    (hits, wrong, none), (silent, seen) = asyncio.run(ask_three())
    assert len(hits) == 2
    assert isinstance(wrong, ValueError)
    assert none == []
    assert "silen" in str(silent) or "constant" in str(silent)
    assert seen.shape == (1, 128)


IMAGE = np.random.default_rng(0).integers(0, 255, (50, 40, 3), np.uint8)
