"""The index among processes: writers that are killed, and many readers beside one that writes."""

import json
import subprocess
import sys
from pathlib import Path

from inference.index import EmbeddingIndex
from tests.fresh_process import num_kills, printed_by

READER = """
import sys
from inference.index import EmbeddingIndex

path, num_rows, batch = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
print("ready", flush=True)
seen = 0
with EmbeddingIndex.open(path, create=False) as index:
    while seen < num_rows:
        [hits] = index.search([1.0, 0.0], k=num_rows)
        if len(hits) < seen or len(hits) % batch:
            sys.exit(f"{len(hits)} rows after {seen}: a batch was seen in part")
        if any(hit.metadata["angle"] != hit.id for hit in hits):
            sys.exit("ids and metadata of different rows")
        seen = len(hits)
"""


def test_kills_lose_no_acknowledged_row_and_leave_no_torn_one(tmp_path):
    script, num = Path(__file__).with_name("killed_writers.py"), num_kills(20)
    run = f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')"
    told = json.loads(printed_by(run, tmp_path / "birds.index", num))
    assert (told["num_kills"], told["wrong"], told["faults"]) == (num, [], [])
    assert told["is_as_expected"]
    assert told["num_acknowledged"] >= num


def test_readers_see_whole_batches_while_one_writes(tmp_path):
    path, num_batches, batch = tmp_path / "birds.index", 40, 25
    num_rows = num_batches * batch
    command = [sys.executable, "-c", READER, str(path), str(num_rows), str(batch)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with EmbeddingIndex.open(path) as index:
        readers = [subprocess.Popen(command, **pipes) for _ in range(4)]
        for reader in readers:
            assert reader.stdout.readline() == "ready\n"
        for number in range(num_batches):
            ids = [f"{number}-{row}" for row in range(batch)]
            index.add(ids, [[0.6, 0.8]] * batch, [{"angle": id_} for id_ in ids])
    told = [reader.communicate(timeout=60)[1] for reader in readers]
    assert "".join(told) == ""
    assert [reader.returncode for reader in readers] == [0] * 4
