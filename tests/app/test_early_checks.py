"""What is wrong with a command line is told before TensorFlow is imported."""

import json
from pathlib import Path

import numpy as np

from individuals.catalogue import Catalogue
from media import save_image
from tests.fresh_process import printed_by

REFUSED = [
    (["train", "--images", "nowhere", "--out", "x"], "No folder of images at 'nowhere'"),
    (["train", "--audio", "nowhere", "--out", "x"], "No folder of recordings at 'nowhere'"),
    (["train", "--table", "no.csv", "--out", "x"], "No table at 'no.csv'"),
    (["train", "--out", "x"], "Expected --images DIR, --audio DIR, or --table FILE"),
    (["train", "--images", ".", "--out", "x", "--epochs", "0"], "expected at least 1, received 0"),
    (["train", "--images", ".", "--out", "x", "--held-out", "1"], "above 0 and below 1, received"),
    (["train", "--images", ".", "--out", "x", "--image-backbone", "vgg"], "expected one of vgg16,"),
    (["train", "--images", ".", "--out", "x", "--image-weights", "w.h5"], "--image-weights is 'w"),
    (["train", "--images", ".", "--out", "x", "--detections", "d"], "No detection file at 'd'"),
    (["train", "--images", ".", "--out", "x", "--source", "("], "is no regular expression"),
    (
        ["train", "--images", ".", "--out", "x", "--fine-tune", "--image-weights", "none"],
        "--fine-tune trains the last block of a pretrained backbone",
    ),
    (["prepare", "nowhere", "--out", "x"], "No folder of images at 'nowhere'"),
    (["evaluate", "run"], "No training run in 'run'"),
    (["export", "run", "--out", "x"], "No training run in 'run'"),
    (["calibrate", "no"], "No exported encoder in 'no'"),
    (["calibrate", "encoder"], "Expected --images DIR, --audio DIR, or --table FILE"),
    (["calibrate", "encoder", "--images", "nowhere"], "No folder of images at 'nowhere'"),
    (["calibrate", "encoder", "--show"], "The encoder 'encoder' has no calibration"),
    (["embed", "nowhere", "--encoder", "encoder", "--out", "x"], "no file or folder at 'nowhere'"),
    (["embed", ".", "--encoder", "no", "--out", "x"], "No exported encoder in 'no'"),
    (["embed", ".", "--encoder", "encoder", "--pairs", "p", "--out", "x"], "No table of pairs at"),
    (["count", "a.mp4", "--encoder", "encoder"], "There is no file or folder at 'a.mp4'"),
    (["query", "no.index", "--encoder", "encoder", "--image", "a.jpg"], "No photo at 'a.jpg'"),
    (["query", "no.index", "--encoder", "encoder", "--image", "here"], "There is no index no.ind"),
    (["query", "here", "--encoder", "encoder"], "Expected --image, --recording or both"),
    (["query", "here", "--encoder", "deaf", "--recording", "here"], "was trained on photos only"),
    (["query", "here", "--encoder", "blind", "--image", "here"], "cannot embed photos"),
    (["count", "here", "--encoder", "blind"], "it cannot see animals in videos"),
    (["index", "info", "no.index"], "There is no index no.index"),
    (["catalogue", "show", "no.catalogue"], "There is no catalogue no.catalogue"),
    (["catalogue", "add", "c", "nowhere", "--encoder", "encoder", "--as-new"], "no file or folder"),
    (["review", "make", "nowhere"], "There is no sightings.npz in 'nowhere'"),
    (["demo", "--images", "i"], "Expected both --images and --audio, or neither"),
]
DONE = [["check", "card"], ["catalogue", "show", "birds.catalogue"]]
RUN_ALL = """
import contextlib, io, json, sys
from app.cli.main import main
told = []
for arguments in json.loads(sys.argv[1]):
    with contextlib.redirect_stderr(io.StringIO()) as text:
        try:
            code = main(arguments)
        except SystemExit as ended:
            code = ended.code
    told.append((code, text.getvalue(), "tensorflow" in sys.modules))
print(json.dumps(told))
"""


def test_what_is_missing_or_wrong_is_told_without_tensorflow(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {"encoder": "", "deaf": '{"hears": false}', "blind": '{"sees": false}'}
    for name, text in settings.items():
        Path(name, "assets").mkdir(parents=True)
        Path(name, "assets", "encoder.json").write_text(text)
    Path("here").touch()
    Path("card").mkdir()
    save_image("card/a.png", np.eye(60, dtype=np.uint8)[..., None].repeat(3, 2))
    Catalogue.open("birds.catalogue").close()
    given = [arguments for arguments, _ in REFUSED]
    told = json.loads(printed_by(RUN_ALL, json.dumps([*given, *DONE])).splitlines()[-1])
    refused, done = told[: len(REFUSED)], told[len(REFUSED) :]
    for (arguments, message), (code, text, has_loaded) in zip(REFUSED, refused, strict=True):
        assert (code, has_loaded) == (2, False), (arguments, text)
        assert message in text, (arguments, text)
    assert done == [[0, "", False]] * len(DONE)
