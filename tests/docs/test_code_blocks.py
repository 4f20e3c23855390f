"""Every code block of README and docs runs; every shell line is one that the command line takes."""

import json
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest

from app.cli.main import build_parser
from aviary import write_aviary, write_videos
from fused_encoder import LogMelFeatures, create_fused_encoder
from inference import export_saved_model

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
SERVING = ROOT / "docs" / "serving.md"  # its blocks need a service: test_serving_page.py
PAGES = sorted([README, *(ROOT / "docs").glob("*.md")])
SMALL = 'create_fused_encoder(image_backbone="small_cnn", image_weights=None)'
# What a block needs a download or hours for is made small; all else runs as it is written.
MADE_SMALL = {
    "create_fused_encoder()": SMALL,
    'create_fused_encoder(image_backbone="mobilenet_v2", image_trainable="none")': SMALL,
    'hub.load("https://tfhub.dev/google/yamnet/1")': "LogMelFeatures()",
    "load_yamnet()": "LogMelFeatures()",
    '"train_audio", yamnet)': '"train_audio", yamnet, 4)',
    'recommended_encoder(image_backbone="mobilenet_v2")': (
        'recommended_encoder(image_backbone="small_cnn", image_weights=None)'
    ),
    "encoder=recommended_encoder())": (
        'encoder=recommended_encoder(image_backbone="small_cnn", image_weights=None), options=TINY)'
    ),
    "import recommended_encoder, train_encoder\n": (
        "import PairBatches, TrainingOptions, recommended_encoder, train_encoder\n"
        "TINY = TrainingOptions(PairBatches(steps_per_epoch=2), epochs=1)\n"
    ),
    "classes_per_batch=12, pairs_per_class=3), epochs=15": (
        "classes_per_batch=4, pairs_per_class=2, steps_per_epoch=2), epochs=1"
    ),
    '"train_images",\n    source_of': '"train_images",\n    encoder=SEEING,\n    source_of',
    "calibrate_held_out, train_encoder\n": (
        "calibrate_held_out, recommended_encoder, train_encoder\n"
        "SMALL = dict(image_weights=None, audio_size=1)\n"
        'SEEING = recommended_encoder(image_backbone="small_cnn", **SMALL)\n'
    ),
    "yamnet, 20, mining": "yamnet, 4, mining",
    "from fused_encoder import load_yamnet": "from fused_encoder import LogMelFeatures",
    "epochs=10": "epochs=1",
    'load_front_end("birdnet")': 'load_front_end("log_mel")',
    "SoundTraining(epochs=30)": "SoundTraining(epochs=1)",
    "StudentTraining(epochs=60)": "StudentTraining(epochs=1)",
    "import tensorflow_hub as hub": "from fused_encoder import LogMelFeatures",
    "import create_fused_encoder, load_yamnet": "import create_fused_encoder, LogMelFeatures",
}


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)


def shown_files(page: Path) -> list[tuple[str, str]]:
    """The CSV files that a page shows, each under its name: `media.csv`:"""
    return re.findall(r"^`(\w+\.csv)`:\n\n```csv\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)


@pytest.fixture(scope="module")
def field_work(tmp_path_factory):
    """A folder with all files that the pages name."""
    folder = tmp_path_factory.mktemp("field_work")
    aviary = write_aviary(folder / "aviary", size="tiny", shows_progress=False)
    shutil.copytree(aviary.images, folder / "train_images")
    shutil.copytree(aviary.audio, folder / "train_audio")
    shutil.copytree(aviary.images, folder / "new_images")
    shutil.copytree(aviary.audio, folder / "new_audio")
    photos, calls = sorted(aviary.images.rglob("*.jpg")), sorted(aviary.audio.rglob("*.flac"))
    for name, photo, call in zip(("wren", "robin", "who"), photos, calls, strict=False):
        shutil.copy(photo, folder / f"{name}.jpg")
        shutil.copy(call, folder / f"{name}.wav")  # FLAC under another name is read by content
    for name, video in zip(
        ("monday", "tuesday"), sorted(aviary.videos.glob("*.mp4")), strict=False
    ):
        shutil.copy(video, folder / f"{name}.mp4")
    write_videos(folder / "more", cast_sizes=(2,), size="tiny")
    shutil.copy(folder / "more" / "video_01.mp4", folder / "wednesday.mp4")
    found = {"category": "1", "conf": 0.9, "bbox": [0.25, 0.25, 0.5, 0.5]}
    detected = {
        "detection_categories": {"1": "animal"},
        "images": [
            {"file": f"{path.parent.name}/{path.name}", "detections": [found]}
            for path in photos[1:]
        ],
    }
    (folder / "photo_boxes.json").write_text(json.dumps(detected), encoding="utf-8")
    (folder / "torn.jpg").write_bytes(photos[0].read_bytes()[:900])
    encoder = create_fused_encoder(image_backbone="small_cnn", image_weights=None, seed=0)
    export_saved_model(encoder, LogMelFeatures(), folder / "exported", thresholds={"image": 0.9})
    return folder


@pytest.fixture
def here(field_work, monkeypatch):
    monkeypatch.chdir(field_work)
    shutil.rmtree("encoder", ignore_errors=True)
    shutil.copytree("exported", "encoder")
    Path("birds.index").unlink(missing_ok=True)
    return field_work


def run_blocks(page: Path) -> dict[str, object]:
    """Runs the Python blocks of a page in order, and gives the names that they leave."""
    for name, text in shown_files(page):
        Path(name).write_text(text, encoding="utf-8")
    names: dict[str, object] = {}
    for block in blocks(page, "python"):
        for long, short in MADE_SMALL.items():
            block = block.replace(long, short)
        exec(compile(block, page.name, "exec"), names)
    for value in names.values():
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            assert np.isfinite(value).all()
    return names


@pytest.mark.parametrize(
    "page",
    [p for p in PAGES if blocks(p, "python") and p not in (README, SERVING)],
    ids=lambda p: p.name,
)
def test_the_python_blocks_of_a_page_run_in_order(page, here):
    run_blocks(page)


def test_the_published_usage_works_as_the_readme_has_it_from_folders_to_hits(here):
    (hits,) = run_blocks(README)["hits"]
    assert {(hit.id, hit.metadata["species"]) for hit in hits} == {
        ("wren 1", "wren"),
        ("robin 1", "robin"),
    }


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "sh")], ids=lambda p: p.name)
def test_the_command_line_takes_every_line_of_the_pages(page):
    lines = [line for block in blocks(page, "sh") for line in block.splitlines()]
    commands = [shlex.split(line, comments=True) for line in lines]
    for words in commands:
        if words and words[0] == "fused-encoder" and "--help" not in words:
            build_parser().parse_args(words[1:])


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(page):
    targets = re.findall(r"\]\((?!https?:)([^)#]+)\)", page.read_text("utf-8"))
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing
