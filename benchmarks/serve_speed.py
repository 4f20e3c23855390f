"""How fast the service answers, alone and under many clients; and what half an hour of mixed load leaves.

python benchmarks/serve_speed.py [--rows 100000] [--seconds 20] [--minutes 30] [--backbone vgg16]
    [--hostile 0.05] [--json FILE]

`fused-encoder serve` runs in a process of its own, its clients in another; both share the machine. Each
client sends one photo after the other (JPEG, of bird_images_100) to `/search` of an index of so many random
rows.

- `p50_ms_<clients>`, `p95_ms_<clients>`: milliseconds from sending to the whole answer, at 1, 8 and 32
  clients; `p50_ms` is with 1 client. `requests_per_second_<clients>` is all of them together.
- `embedder_per_second`: `Embedder.embed` alone on the same files, in its batches, before and after, with no
  service running. `serve_throughput_ratio` is that of 32 clients to it.
- Mixed load for `--minutes`: searches by photo, by recording and by embedding, embed, add, health, metrics;
  a share of `--hostile` uploads (torn, empty, text, lying headers, zip bombs, too large, half sent).
  `errors_5xx`; `unexpected`, hostile uploads that were taken or honest ones that were refused (429 apart);
  `memory_growth_ratio`, memory of the service with its decoders, median of the last fifth of the time / of
  the second fifth; `files_left`, `processes_left` after it has ended; `open_files_growth`.
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from uuid import uuid4

import common
import numpy as np
from common import Figures, alone, data_folder, random_vectors, seconds
from serve_load import Client, Load, form

CLIENTS = (1, 8, 32)
ROOT = Path(__file__).resolve().parents[1]
NUM_PHOTOS = 200


def main() -> None:
    """Measures answers, throughput, and a mixed load."""
    options = common.read_options(
        __doc__, rows=100_000, seconds=20.0, minutes=30.0, backbone="vgg16", hostile=0.05
    )
    figures: Figures = {"rows": options.rows, "num_cores": len(os.sched_getaffinity(0))}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        encoder = alone(make_encoder, folder / "encoder", options.backbone)
        make_index(folder / "birds.index", options.rows)
        photos = some_photos(folder)
        before = alone(embedder_per_second, encoder, photos, options.seconds)
        with served(folder, encoder) as server:
            figures |= measure_answers(server, photos, options.seconds)
        after = alone(embedder_per_second, encoder, photos, options.seconds)
        figures["embedder_per_second"] = (before + after) / 2
        most = figures[f"requests_per_second_{CLIENTS[-1]}"]
        figures["serve_throughput_ratio"] = most / figures["embedder_per_second"]
        if options.minutes:
            figures |= measure_mixed(folder, encoder, photos, options)
    common.report(options.json, figures)


def make_encoder(path: Path, backbone: str) -> Path:
    """An exported encoder; what it was trained for does not change its speed."""
    from fused_encoder import LogMelFeatures, create_fused_encoder
    from inference import export_saved_model

    network = create_fused_encoder(image_backbone=backbone, image_weights=None, seed=0)
    return export_saved_model(network, LogMelFeatures(), path)


def make_index(path: Path, num: int) -> None:
    """Random rows, and the matrix that the first search makes."""
    from inference.index import EmbeddingIndex

    vectors = random_vectors(num, 0)
    with EmbeddingIndex.open(path) as index:
        for start in range(0, num, 10_000):
            rows = range(start, min(start + 10_000, num))
            told = [{"class": f"species {row % 50}", "image": f"{row}.jpg"} for row in rows]
            index.add([f"row {row}" for row in rows], vectors[start : rows.stop], told)
        index.search(vectors[0], k=1)


def some_photos(folder: Path) -> list[Path]:
    """Real photos where they are, generated ones elsewhere."""
    found = sorted(data_folder("bird_images_100").rglob("*.jpg"))
    if not found:
        from aviary import write_aviary

        made = write_aviary(folder / "aviary", size="tiny", shows_progress=False)
        found = sorted(made.images.rglob("*.jpg"))
    return found[:NUM_PHOTOS]


def embedder_per_second(encoder: Path, photos: list[Path], at_least_seconds: float) -> float:
    """Photos per second of `Embedder.embed` alone, decoding them too."""
    from inference import Embedder

    embedder = Embedder.load(encoder)
    embedder.embed(photos[:32])
    taken, done = 0.0, 0
    while taken < at_least_seconds:
        taken += seconds(embedder.embed, photos)
        done += len(photos)
    return done / taken


class Server:
    """A running service.

    Args:
        process: it.
        port: where it listens.
        folder: of its temporary files.
    """

    def __init__(self, process: subprocess.Popen, port: int, folder: Path) -> None:
        self.process, self.port, self.folder = process, port, folder

    def processes(self) -> list[int]:
        """Its own id and those of all that it started."""
        found, waiting = [], [self.process.pid]
        while waiting:
            found.append(waiting.pop())
            for task in Path(f"/proc/{found[-1]}/task").glob("*/children"):
                waiting += map(int, task.read_text().split())
        return found

    def bytes(self) -> int:
        """Memory of its own and of all that it started."""
        return sum(map(resident_bytes, self.processes()))

    def open_files(self) -> int:
        """Of the service itself."""
        return len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))

    def files(self) -> list[str]:
        """Uploads that are there."""
        return [path.name for path in self.folder.rglob("*") if path.name != ".lock"]


def resident_bytes(pid: int) -> int:
    """Memory of a process; 0 where it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("utf-8")
    except OSError:
        return 0
    return int(status.partition("VmRSS:")[2].split()[0]) * 1024 if "VmRSS:" in status else 0


@contextmanager
def served(folder: Path, encoder: Path):
    """A service with a token-less address of this machine; ended, and seen to the end, afterwards."""
    temporary = folder / f"uploads-{uuid4().hex}"
    temporary.mkdir()
    command = [sys.executable, "-m", "app.cli.main", "serve", "--port", "0", "--encoder", encoder]
    environment = os.environ | {"TMPDIR": str(temporary), "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [*command, "--index", folder / "birds.index"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment | {"PYTHONUNBUFFERED": "1"},
    )
    address = re.search(r"http://127\.0\.0\.1:(\d+)", process.stdout.readline())
    server = Server(process, int(address[1]), temporary)
    try:
        yield server
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        process.stdout.close()


def measure_answers(server: Server, photos: list[Path], at_least_seconds: float) -> Figures:
    """Milliseconds and requests per second of searches by photo."""
    bodies = [form(photo=photo.read_bytes(), k="10") for photo in photos]
    search_for(server.port, bodies, 4, 3.0)  # what is loaded and traced at the first request
    figures: Figures = {}
    for clients in CLIENTS:
        taken, whole_seconds = search_for(server.port, bodies, clients, at_least_seconds)
        figures[f"p50_ms_{clients}"] = 1000 * float(np.percentile(taken, 50))
        figures[f"p95_ms_{clients}"] = 1000 * float(np.percentile(taken, 95))
        figures[f"requests_per_second_{clients}"] = len(taken) / whole_seconds
    return figures | {"p50_ms": figures["p50_ms_1"]}


def search_for(port: int, bodies, num_clients: int, at_least_seconds: float):
    """Seconds of each request of all clients, and of all together."""
    started = time.perf_counter()

    def one(number: int) -> list[float]:
        client, taken = Client(port), []
        place = number * len(bodies) // num_clients
        while time.perf_counter() - started < at_least_seconds:
            body, headers = bodies[place % len(bodies)]
            before = time.perf_counter()
            status, _ = client.ask("/search", body, headers)
            taken.append(time.perf_counter() - before)
            if status != 200:
                raise RuntimeError(f"A search was answered with {status}.")
            place += 1
        client.close()
        return taken

    with ThreadPoolExecutor(num_clients) as threads:
        each = list(threads.map(one, range(num_clients)))
    return np.concatenate(each), time.perf_counter() - started


def measure_mixed(
    folder: Path, encoder: Path, photos: list[Path], options: argparse.Namespace
) -> Figures:
    """What a long mixed load with hostile uploads leaves."""
    memory: list[int] = []
    with served(folder, encoder) as server:
        load = Load(photos, options.hostile)
        until = time.monotonic() + 60 * options.minutes
        threads = [
            threading.Thread(target=load.run, args=(Client(server.port), until, seed))
            for seed in range(CLIENTS[1])
        ]
        for thread in threads:
            thread.start()
        time.sleep(min(10.0, 12 * options.minutes))
        open_files = server.open_files()
        while time.monotonic() < until:
            memory.append(server.bytes())
            time.sleep(min(5.0, options.minutes))
        for thread in threads:
            thread.join()
        time.sleep(2.0)
        growth = server.open_files() - open_files
        idle_files = len([name for name in server.files() if not name.startswith("fused-")])
        processes = server.processes()
    alive = [pid for pid in processes if resident_bytes(pid)]
    fifth = max(1, len(memory) // 5)
    second_fifth = memory[fifth : 2 * fifth] or memory
    print(json.dumps(dict(sorted(load.statuses.items())), indent=1))
    return {
        "mixed_minutes": options.minutes,
        "mixed_requests": sum(load.statuses.values()),
        "errors_5xx": sum(n for told, n in load.statuses.items() if re.search(" 5..$", told)),
        "broken": sum(n for told, n in load.statuses.items() if re.fullmatch("honest .* 0", told)),
        "unexpected": load.num_unexpected,
        "memory_growth_ratio": median(memory[-fifth:]) / median(second_fifth),
        "memory_gib": median(memory[-fifth:]) / 2**30,
        "open_files_growth": growth,
        "files_left_while_idle": idle_files,
        "files_left": len(server.files()),
        "processes_left": len(alive),
    }


if __name__ == "__main__":
    main()
