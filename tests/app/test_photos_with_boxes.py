"""Photos only, with boxes of a detection file: from `train` to a catalogue."""

import json

import pytest

from inference.embedding_file import load_embeddings
from inference.export import attached_calibration
from media import image_size
from tests.app.conftest import RECIPE, run, show_few_queries

PHOTOS = RECIPE.replace("--yamnet log_mel ", "").split()


@pytest.fixture(scope="module")
def detections(aviary, tmp_path_factory):
    """Two animals in each photo of the first class, none in the last photo of the last, one elsewhere."""
    found = []
    photos = sorted(aviary.images.rglob("*.jpg"))
    for path in photos:
        boxes = [[0.1, 0.1, 0.4, 0.8]]
        if path.parent.name == photos[0].parent.name:
            boxes.append([0.6, 0.1, 0.3, 0.8])
        animals = [{"category": "1", "conf": 0.9, "bbox": box} for box in boxes]
        name = f"{path.parent.name}/{path.name}"
        found.append({"file": name, "detections": [] if path == photos[-1] else animals})
    path = tmp_path_factory.mktemp("found") / "found.json"
    path.write_text(json.dumps({"detection_categories": {"1": "animal"}, "images": found}))
    return path


@pytest.fixture(scope="module")
def cropped(aviary, detections, tmp_path_factory):
    """What `train`, `evaluate` and `export` made of cropped photos."""
    root = tmp_path_factory.mktemp("cropped")
    boxes = ("--detections", detections)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FUSED_ENCODER_CACHE", str(root / "cache"))
        show_few_queries(patch)
        training = (*PHOTOS, "--held-out", "0.4", "--out", root / "run", *boxes)
        assert run("train", "--images", aviary.images, *training) == 1  # one photo is left out
        assert run("evaluate", root / "run") == 0
        assert run("export", root / "run", "--out", root / "encoder") == 0
    return root


def test_the_evaluation_asks_with_the_background_too(cropped):
    record = json.loads((cropped / "run" / "evaluation" / "metrics.json").read_text())
    assert [row["name"] for row in record["comparisons"]][:2] == ["image_only", "background_only"]
    report = (cropped / "run" / "evaluation" / "report.html").read_text()
    told = " ".join(report.split())
    assert "What the training is worth" in told
    assert "control: the photo without its animal" in told
    for word in (" call", "recording", "pairs"):
        assert word not in told.split("<h2>Training")[0].split("</style>")[-1], word


def test_the_encoder_has_its_figures_in_a_file(cropped):
    assert list(attached_calibration(cropped / "encoder").pairs) == ["image-image"]
    text = (cropped / "encoder" / "calibration.txt").read_text()
    assert text.startswith("image: held-out files of one class are grouped best from a")
    assert "These individuals (or classes) were trained on" in text


def test_each_animal_of_a_photo_is_embedded(cropped, aviary, detections, tmp_path, capsys):
    options = ("--encoder", cropped / "encoder", "--detections", detections)
    assert run("embed", aviary.images, *options, "--out", tmp_path / "all.npz") == 1
    rows = load_embeddings(tmp_path / "all.npz")
    num_photos = len(list(aviary.images.rglob("*.jpg")))
    first = sorted(aviary.images.iterdir())[0]
    assert len(rows.ids) == num_photos - 1 + len(list(first.glob("*.jpg")))
    assert all("#xywh=" in name for name in rows.ids)
    assert "no animal was detected in it" in capsys.readouterr().err
    assert run("index", "build", tmp_path / "all.index", tmp_path / "all.npz") == 0
    photo = sorted(first.glob("*.jpg"))[0]
    width, height = image_size(photo)
    box = f"{0.6 * width},{0.1 * height},{0.3 * width},{0.8 * height}"
    asked = ("--encoder", cropped / "encoder", "--image", photo, "--box", box, "-k", 1)
    capsys.readouterr()
    assert run("query", tmp_path / "all.index", *asked) == 0
    found = capsys.readouterr().out.split()[-3:]
    assert float(found[0]) > 0.999
    assert found[-1].startswith(f"{photo}#xywh={0.6 * width:.1f},")
    assert run("embed", aviary.images, *options, "--out", tmp_path / "archive") == 1
    assert f"{len(rows.ids):,} embeddings in" in capsys.readouterr().out
    assert run("embed", aviary.images, *options, "--out", tmp_path / "archive") == 1
    assert "of them were done before" in capsys.readouterr().out


def test_two_animals_of_one_photo_stay_two(cropped, aviary, detections, tmp_path, capsys):
    first = sorted(aviary.images.iterdir())[0]
    photo = sorted(first.iterdir())[0]
    asked = (photo, "--encoder", cropped / "encoder", "--detections", detections)
    catalogue = tmp_path / "birds.catalogue"
    assert run("catalogue", "init", catalogue) == 0
    assert run("catalogue", "add", catalogue, *asked, "--as-new") == 2
    assert "seen together" in capsys.readouterr().err
    thresholds = ("--known-above", "1", "--new-below", "1")
    assert run("catalogue", "identify", catalogue, *asked, *thresholds) == 0
    assert "0 known, 2 new" in capsys.readouterr().out
