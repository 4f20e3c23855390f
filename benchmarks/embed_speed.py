"""How much of the network's own speed is left when `embed` decodes, cuts, batches and writes too.

python benchmarks/embed_speed.py [--photos 3000] [--minutes 120] [--hours 24] [--rounds 3] [--json FILE]

Photos: `embed_archive` on photos on disk, against the exported encoder alone on the same photos, decoded
and resized beforehand, in batches of the same size. Recordings: `embed_archive` on recordings on disk (48
kHz, 16 bit, WAV as recorders write it, and FLAC), windows of 5 s every 2.5 s, against YAMNet alone on the
same sound, decoded and resampled beforehand, in pieces of 64 frames: so YAMNet alone, too, computes each
frame once, in batches. Called window by window, as it is published, it computes nearly twice as many; that
ratio is told as well. Both ways take turns on the same loaded encoder; starting worker processes, reading
for the hash and writing shards count for ours, importing TensorFlow and tracing for neither. Memory: the
peak of the whole process and of its largest worker, for a recording of 10 minutes and one of 24 hours,
each in a process of its own.

The encoder is a MobileNetV2 that takes one look at each photo: the fastest there is here, and so the
hardest to keep up with. Photos and recordings are those of FUSED_ENCODER_DATA (default ../shared/data),
repeated; weights are those of FUSED_ENCODER_WEIGHTS (default ../shared/weights).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import soundfile

SHARED = Path(__file__).resolve().parents[2] / "shared"
RATE_HZ = 48_000
BIRDNET_REAL_TIME_FACTOR = 50
"""On an Intel Core i7, as BirdNET's developers are quoted; another network, another machine: for orientation.

A user's report: 8 hours in 160 s (180) with BirdNET in Chirpity, 8 threads of an Apple M1 (2021),
https://github.com/Mattk70/Chirpity-Electron/discussions/23.
"""


def main() -> None:
    """Prints one table, and writes it as one flat object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=3000)
    parser.add_argument("--minutes", type=float, default=120, help="of WAV, and of FLAC")
    parser.add_argument("--hours", type=float, default=24, help="of the long recording; 0: none")
    parser.add_argument("--rounds", type=int, default=3, help="turns that both ways take")
    parser.add_argument("--workers", type=int, default=None, help="processes that decode")
    parser.add_argument("--json", metavar="FILE", type=Path)
    parser.add_argument("--peak-of", metavar="RECORDING", help=argparse.SUPPRESS)
    parser.add_argument("--encoder", metavar="DIR", help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ.setdefault("FUSED_ENCODER_WEIGHTS", str(SHARED / "weights"))
    if options.peak_of:
        print(json.dumps(peak_memory(options.encoder, options.peak_of)))
        return
    data = Path(os.environ.get("FUSED_ENCODER_DATA", SHARED / "data"))
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        encoder = write_encoder(folder / "encoder")
        results = {"num_cores": len(os.sched_getaffinity(0)), "processor": processor()}
        results |= measure_photos(encoder, data, folder, options)
        results |= measure_recordings(encoder, data, folder, options)
        if options.hours:
            results |= measure_memory(encoder, folder, options.hours)
    for name, value in results.items():
        print(f"{name:34} {value:.4g}" if isinstance(value, float) else f"{name:34} {value}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1) + "\n", "utf-8")


def write_encoder(path: Path) -> Path:
    """An exported MobileNetV2 + YAMNet; what it was trained for does not change its speed."""
    from fused_encoder import create_fused_encoder, load_yamnet
    from inference import export_saved_model

    encoder = create_fused_encoder(image_backbone="mobilenet_v2", seed=0)
    return export_saved_model(encoder, load_yamnet(), path)


def measure_photos(
    encoder: Path, data: Path, folder: Path, options: argparse.Namespace
) -> dict[str, float]:
    """Photos per second, of the network alone and of `embed_archive`."""
    import tensorflow as tf

    from fused_encoder.photo import prepare_photo
    from inference import Embedder
    from inference.embed import BATCH_SIZE
    from media import load_image

    paths = list(
        copies(sorted((data / "bird_images_100").rglob("*.jpg")), folder / "photos", options.photos)
    )
    embedder = Embedder.load(encoder)
    photos = np.stack([prepare_photo(load_image(path)) for path in paths[:500]])
    batches = [
        tf.constant(photos[start : start + BATCH_SIZE])
        for start in range(0, len(photos) - BATCH_SIZE + 1, BATCH_SIZE)
    ]
    nothing = tf.zeros((BATCH_SIZE, 1, 1024))

    def bare() -> float:
        began = time.perf_counter()
        num = 0
        while num < options.photos:
            for batch in batches:
                embedder._model.join(embedder._model.see(batch), nothing).numpy()
                num += BATCH_SIZE
        return num / (time.perf_counter() - began)

    def ours() -> float:
        return options.photos / seconds_of(
            embedder, folder / "photos", folder / "out_photos", options
        )

    speeds = turns(bare, ours, options.rounds)
    big = list(large_photos(paths[:40], folder / "large", 120))
    large = len(big) / seconds_of(embedder, folder / "large", folder / "out_large", options)
    return {
        "photo_throughput_ratio": speeds[1] / speeds[0],
        "photos_per_second": speeds[1],
        "photos_per_second_bare": speeds[0],
        "photos_per_second_12_megapixels": large,
    }


def measure_recordings(
    encoder: Path, data: Path, folder: Path, options: argparse.Namespace
) -> dict[str, float]:
    """Hours of sound per minute, of YAMNet alone and of `embed_archive`, from WAV and from FLAC."""
    from inference import Embedder

    embedder = Embedder.load(encoder)
    sound = joined_songs(data)
    told: dict[str, float] = {}
    for extension, suffix in (("wav", ""), ("flac", "_flac")):
        paths = write_recordings(sound, folder / extension, extension, options.minutes)
        bare, ours, naive = recording_speeds(embedder, paths, folder / f"out_{extension}", options)
        told |= {
            f"audio_throughput_ratio{suffix}": ours / bare,
            f"audio_hours_per_minute{suffix}": ours,
            f"audio_hours_per_minute{suffix}_bare": bare,
            f"audio_throughput_ratio{suffix}_window_by_window": ours / naive,
            f"audio_hours_per_minute{suffix}_window_by_window": naive,
            f"real_time_factor{suffix}": ours * 60,
        }
        shutil.rmtree(folder / extension)
    return told | {"real_time_factor_birdnet_i7": BIRDNET_REAL_TIME_FACTOR}


def recording_speeds(
    embedder, paths: list[Path], out: Path, options: argparse.Namespace
) -> tuple[float, float, float]:
    """Hours per minute: YAMNet by pieces of 64 frames; ours; YAMNet by windows of 5 s every 2.5 s."""
    import tensorflow as tf

    from media import load_waveform

    pieces = [
        tf.constant(piece)
        for path in paths
        for piece in embedder.front_end._cut(
            load_waveform(path, sample_rate_hz=embedder.front_end.sample_rate_hz)
        )
    ]
    hours = sum(soundfile.info(str(path)).duration for path in paths) / 3600
    windows = [
        piece[start : start + 80_000]
        for piece in pieces[:20]
        for start in range(0, len(piece) - 80_000, 40_000)
    ]

    def heard(sounds: list) -> float:
        began = time.perf_counter()
        for sound in sounds:
            embedder.front_end.embed_sound(sound).numpy()
        return time.perf_counter() - began

    def bare() -> float:
        return hours * 60 / heard(pieces)

    def ours() -> float:
        return hours * 60 / seconds_of(embedder, paths[0].parent, out, options)

    heard(windows)
    naive = len(windows) * 2.5 / 60 / heard(windows)
    return *turns(bare, ours, options.rounds), naive


def measure_memory(encoder: Path, folder: Path, hours: float) -> dict[str, float]:
    """Peak memory of 10 minutes and of the long recording, in GiB."""
    peaks = {}
    for name, seconds in (("10min", 600.0), (f"{hours:g}h", hours * 3600)):
        path = folder / f"{name}.wav"
        write_noise(path, seconds)
        command = [sys.executable, __file__, "--peak-of", str(path), "--encoder", str(encoder)]
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        peaks[name] = json.loads(told.splitlines()[-1])
        path.unlink()
    short, long = peaks.values()
    return {
        f"memory_ratio_{hours:g}h": long["gib"] / short["gib"],
        "peak_gib_10min": short["gib"],
        f"peak_gib_{hours:g}h": long["gib"],
        f"real_time_factor_{hours:g}h": hours * 3600 / long["seconds"],
    }


def peak_memory(encoder: str, recording: str) -> dict[str, float]:
    """Of this process and its largest worker together, when it has embedded a recording."""
    from archives.embed.embed_archive import embed_archive
    from inference import Embedder

    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as out:
        summary = embed_archive(Embedder.load(encoder), [recording], Path(out, "out"))
    if summary.not_whole:
        raise RuntimeError(f"{summary.not_whole}")
    kib = sum(
        resource.getrusage(whose).ru_maxrss
        for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return {"gib": kib / (1 << 20), "seconds": time.perf_counter() - began}


def seconds_of(embedder, inputs: Path, out: Path, options: argparse.Namespace) -> float:
    """How long `embed_archive` takes, from nothing to files.parquet."""
    from archives.embed.embed_archive import embed_archive
    from archives.embed.embed_sources import Decoding

    began = time.perf_counter()
    summary = embed_archive(
        embedder, [inputs], out, decoding=Decoding(options.workers), resume=False
    )
    seconds = time.perf_counter() - began
    if summary.not_whole:
        raise RuntimeError(f"{summary.not_whole[0]}")
    return seconds


def turns(bare, ours, rounds: int) -> tuple[float, float]:
    """Both in turn, after one turn each that does not count; the medians."""
    bare(), ours()
    both = [(bare(), ours()) for _ in range(rounds)]
    return median(one for one, _ in both), median(other for _, other in both)


def copies(paths: list[Path], folder: Path, number: int) -> Iterator[Path]:
    """Links to the files, each under several names until there are enough."""
    folder.mkdir()
    for place in range(number):
        link = folder / f"{place:06}.jpg"
        link.symlink_to(paths[place % len(paths)].resolve())
        yield link


def large_photos(paths: list[Path], folder: Path, number: int) -> Iterator[Path]:
    """Photos as a camera writes them: 4000 x 3000."""
    folder.mkdir()
    for place in range(number):
        image = cv2.imread(str(paths[place % len(paths)]))
        path = folder / f"{place:04}.jpg"
        cv2.imwrite(str(path), cv2.resize(image, (4000, 3000), interpolation=cv2.INTER_CUBIC))
        yield path


def joined_songs(data: Path) -> np.ndarray:
    """All recordings of nine_species in a row, at 48 kHz."""
    from media import load_waveform

    songs = sorted((data / "nine_species" / "audio").rglob("*.mp3"))
    sound = np.concatenate([load_waveform(path, sample_rate_hz=RATE_HZ) for path in songs])
    return np.clip(sound, -0.99, 0.99)


def write_recordings(sound: np.ndarray, folder: Path, extension: str, minutes: float) -> list[Path]:
    """Recordings of 5 minutes at 48 kHz, 16 bit, each from another place of the sound."""
    folder.mkdir()
    paths = []
    for place in range(round(minutes / 5)):
        piece = np.roll(sound, -place * 7 * RATE_HZ)[: 300 * RATE_HZ]
        paths.append(folder / f"{place:03}.{extension}")
        soundfile.write(paths[-1], piece, RATE_HZ, subtype="PCM_16")
    return paths


def write_noise(path: Path, seconds: float) -> None:
    """A WAV of 16 kHz, written minute by minute."""
    rng = np.random.default_rng(0)
    with soundfile.SoundFile(path, "w", 16_000, 1, "PCM_16", format="WAV") as file:
        for _ in range(round(seconds / 60)):
            file.write(rng.normal(0, 0.1, 960_000).clip(-0.9, 0.9))


def processor() -> str:
    """What the machine calls its processor."""
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    main()
