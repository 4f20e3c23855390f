"""`fused-encoder evaluate` on runs whose files, YAMNet or record are not as they were."""

import argparse
import contextlib
import io
import json
import shutil

import pytest

from app.cli.main import main
from tests.app.conftest import show_few_queries


@pytest.fixture(scope="module")
def run(journey, tmp_path_factory):
    """A copy of a trained run, and of its photos and recordings, to be spoilt."""
    root = tmp_path_factory.mktemp("spoilt")
    copy = shutil.copytree(journey.run, root / "run")
    record = json.loads((copy / "run.json").read_text())
    for side in ("training", "held_out"):
        for kind in ("images", "recordings"):
            for number, entry in enumerate(record[side][kind]):
                suffix = entry[0].rpartition(".")[2]
                entry[0] = str(shutil.copy(entry[0], root / f"{side}_{kind}_{number}.{suffix}"))
    (copy / "run.json").write_text(json.dumps(record))
    return copy


@pytest.fixture(scope="module")
def spoilt(run, journey):
    """The evaluation after one held-out photo was changed and another one taken away."""
    changed, gone = (run.parent / f"held_out_images_{number}.jpg" for number in (0, 1))
    with changed.open("ab") as file:
        file.write(b"\0")
    gone.unlink()
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(printed):
        patch.setenv("FUSED_ENCODER_CACHE", str(journey.root / "cache"))
        show_few_queries(patch)
        code = main(["evaluate", str(run)])
    return argparse.Namespace(changed=changed, gone=gone, code=code, printed=printed.getvalue())


def test_evaluate_prints_a_table_and_writes_numbers_pictures_and_a_report(journey):
    printed = journey.printed["evaluate"]
    for name in ("held-out queries", "fused", "without_sound", "raw_pixels", "95 % interval"):
        assert name in printed
    folder = journey.run / "evaluation"
    numbers = json.loads((folder / "metrics.json").read_text())
    assert f"{numbers['fused_precision_at_1']:.3f}" in printed
    assert numbers["notes"] == []
    assert (folder / "report.html").is_file()
    assert (folder / "pictures" / "confusion_among_nearest_neighbours.png").is_file()


def test_a_photo_that_changed_since_training_is_told_in_numbers_and_report(spoilt, run):
    (note,) = json.loads((run / "evaluation" / "metrics.json").read_text())["notes"]
    assert f"hold other bytes than in training: '{spoilt.changed}'" in note
    assert "Before you read on" in (run / "evaluation" / "report.html").read_text()


def test_a_photo_that_is_gone_is_listed_and_the_rest_evaluated(spoilt, run):
    assert spoilt.code == 1
    assert f"Skipped 1 input:\n  {spoilt.gone}: " in spoilt.printed
    record = json.loads((run / "evaluation" / "metrics.json").read_text())
    assert record["image_only_num_queries"] == len(record["classes"]) * 2 - 1
