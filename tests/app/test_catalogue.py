"""`fused-encoder catalogue` and `fused-encoder review`, from a count to a catalogue."""

import shutil
from dataclasses import replace

import numpy as np
import pytest

from individuals import count_individuals
from individuals.catalogue import Catalogue
from individuals.review import review_queue
from individuals.sighting_file import load_sightings, save_counted_sightings, save_sightings
from inference import Embedder, Embeddings
from inference.calibrate import Calibration, PairCalibration, UnknownScores, save_calibration
from inference.embedding_file import EmbeddingFile, save_embeddings
from tests.app.conftest import rows_of, run, write_rows
from tests.inference.vectors import on_circle

KNOWN = ("--known-above", "0.95", "--new-below", "0.6")


def embeddings_file(path, **degrees):
    """Photos `<individual>/<n>.jpg` at these angles."""
    ids = tuple(f"{name}/{n}.jpg" for name, views in degrees.items() for n in range(len(views)))
    vectors = on_circle(*(angle for views in degrees.values() for angle in views))
    metadata = tuple({"class": id_.split("/")[0], "image": id_, "recording": None} for id_ in ids)
    return save_embeddings(path, EmbeddingFile(ids, Embeddings.of(vectors, "wren-1"), metadata))


@pytest.fixture
def last_year(tmp_path):
    """A catalogue of Älva at 0 degrees and Bo at 90, made by the commands."""
    path = tmp_path / "wren.catalogue"
    photos = embeddings_file(tmp_path / "last_year.npz", Älva=[0, 5], Bo=[90])
    assert run("catalogue", "init", path, "--prefix", "WREN") == 0
    assert run("catalogue", "add", path, photos, "--by-folder") == 0
    return path


def test_last_years_folders_are_the_known_individuals(last_year, capsys):
    assert run("catalogue", "show", last_year) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[-3:-1]] == [
        ["WREN-0001", "Älva", "2", "2"],
        ["WREN-0002", "Bo", "1", "1"],
    ]
    assert lines[-1] == "2 individuals; encoder wren-1"
    assert run("catalogue", "show", last_year, "älva") == 0
    assert capsys.readouterr().out.splitlines()[1].split()[0] == "Älva/0.jpg"


def test_answers_are_looked_through_corrected_and_added(last_year, tmp_path, capsys):
    photos = embeddings_file(tmp_path / "new.npz", x=[3, 45, 200, 203, 93])
    answers = tmp_path / "out" / "answers.csv"
    assert run("catalogue", "identify", last_year, photos, *KNOWN, "--out", answers) == 0
    assert "2 known, 2 new, 1 uncertain." in capsys.readouterr().out
    rows = rows_of(answers)
    assert [row["individual"] for row in rows] == ["WREN-0001", "", "new-1", "new-1", "WREN-0002"]
    assert [row["name"] for row in rows] == ["Älva", "", "", "", "Bo"]
    rows[1]["individual"] = "Cäsar"  # a person knows
    rows[4]["individual"] = ""
    write_rows(answers, rows[::-1], encoding="cp1252", delimiter=";")
    assert run("catalogue", "add", last_year, photos, "--answers", answers, "--who", "Ana") == 0
    assert "4 sightings of 3 individuals, 2 of them new." in capsys.readouterr().out
    with Catalogue.open(last_year) as catalogue:
        assert len(catalogue.sightings("Cäsar")) == 1
        assert catalogue.log()[-1].decided_by == "Ana"
        assert len(catalogue.sightings("WREN-0002")) == 1
    assert run("catalogue", "add", last_year, photos, "--answers", answers) == 2  # it is there


def test_a_calibration_decides_with_its_promises(last_year, tmp_path, capsys):
    strangers = UnknownScores(tuple(np.linspace(-1, 0.9, 200).tolist()), num_gallery=50)
    pair = PairCalibration(20.0, -14.0, unknowns=strangers)
    calibration = Calibration("wren-1", {"image-image": pair})
    save_calibration(tmp_path / "calibration.json", calibration)
    photos = embeddings_file(tmp_path / "new.npz", x=[0, 200])
    asked = ["identify", last_year, photos, "--calibration", tmp_path / "calibration.json"]
    assert run("catalogue", *asked, "--false-match-rate", "0.05", "--accept") == 0
    printed = capsys.readouterr().out
    certified = calibration.threshold_at(0.05).similarity
    assert f"image-image: known above {certified:.3f} (false matches at most 5.0%)" in printed
    with Catalogue.open(last_year) as catalogue:
        entry = catalogue.log()[-1]
    assert entry.decided_by == "automatic"
    assert entry.thresholds["patterns"]["image-image"]["known_above"] == certified
    assert run("catalogue", *asked, "--false-match-rate", "0.0001") == 2
    assert "cannot certify a false match rate of 0.0001" in capsys.readouterr().err


def test_every_decision_can_be_taken_back_and_is_in_the_log(last_year, tmp_path, capsys):
    for words in (
        ["rename", "WREN-2", "Bö"],
        ["split", "Älva", "Älva/1.jpg", "--name", "Çelik"],
        ["merge", "Bö", "Çelik"],
        ["delete", "Bö"],
        ["undo", "-n", "3"],
        ["rename", "Bö"],
    ):
        action, *others = words
        assert run("catalogue", action, last_year, *others) == 0
    assert run("catalogue", "log", last_year, "--out", tmp_path / "log.csv") == 0
    printed = capsys.readouterr().out
    assert "9 operations; the catalogue is as they say." in printed
    operations = [row["operation"] for row in rows_of(tmp_path / "log.csv")]
    done = ["add", "rename", "split", "merge", "delete"]
    assert operations == [*done, "undo", "undo", "undo", "rename"]
    with Catalogue.open(last_year) as catalogue:
        left = [(i.name, i.num_sightings) for i in catalogue.individuals()]
    assert left == [("Älva", 2), (None, 1)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["init", "wren.catalogue"], "is there already"),
        (["merge", "wren.catalogue", "Bo", "WREN-0009"], "never had an individual 'WREN-0009'"),
        (["add", "wren.catalogue", "who.jpg", "--as-new"], "give --encoder DIR"),
        (["add", "wren.catalogue", "last_year.npz", "--to", "Bo", "--name", "x"], "with --as-new"),
        (["identify", "wren.catalogue", "last_year.npz"], "or --calibration PATH, to say who"),
        (["identify", "wren.catalogue", "x.npz", *KNOWN[:2]], "Expected --known-above and --new"),
        (["identify", "wren.catalogue", "x.npz", "--calibration", "c"], "no calibration in 'c"),
        (["identify", "wren.catalogue", "x", "--calibration", "c", *KNOWN], "exclude each other"),
    ],
)
def test_what_cannot_be_done_is_refused(last_year, words, message, capsys, monkeypatch):
    monkeypatch.chdir(last_year.parent)
    capsys.readouterr()
    assert run("catalogue", *words) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("fused-encoder catalogue: ")
    assert message in printed
    assert "Traceback" not in printed


def test_a_table_that_does_not_fit_the_sightings_is_refused(last_year, tmp_path, capsys):
    photos = embeddings_file(tmp_path / "new.npz", x=[3, 45])
    others = embeddings_file(tmp_path / "others.npz", y=[3, 45])
    answers = tmp_path / "answers.csv"
    run("catalogue", "identify", last_year, photos, *KNOWN, "--out", answers)
    text = answers.read_text("utf-8-sig")
    answers.write_text(text + text.splitlines()[1])
    assert run("catalogue", "add", last_year, photos, "--answers", answers) == 2
    assert "in 1 places: row 4: 's" in capsys.readouterr().err
    assert run("catalogue", "add", last_year, others, "--answers", answers) == 2
    assert "does not fit these sightings in 3 places" in capsys.readouterr().err


def test_an_animal_that_a_review_has_changed_since_is_not_added(count, tmp_path, capsys):
    path, answers = tmp_path / "birds.catalogue", tmp_path / "answers.csv"
    run("catalogue", "init", path)
    run("catalogue", "identify", path, count, *KNOWN, "--out", answers)
    counted = load_sightings(count)
    last_is_first = np.where(counted.labels == counted.labels[-1], 0, counted.labels)
    save_sightings(count, replace(counted, labels=last_is_first))
    assert run("catalogue", "add", path, count, "--answers", answers) == 2
    assert "when it was identified and has" in capsys.readouterr().err


def test_photos_are_embedded_on_the_way(journey, aviary, tmp_path, capsys):
    path = tmp_path / "birds.catalogue"
    photos = sorted(aviary.images.rglob("*.jpg"))
    encoder = ["--encoder", journey.encoder]
    run("catalogue", "init", path)
    assert run("catalogue", "add", path, aviary.images, *encoder, "--by-folder") == 0
    assert run("catalogue", "show", path) == 0
    assert all(name in capsys.readouterr().out for name in aviary.class_names[:1])
    out = tmp_path / "answers.csv"
    given = [photos[0], journey.broken]
    thresholds = ["--known-above", "0.9999", "--new-below", "0", "--margin", "0"]
    assert run("catalogue", "identify", path, *given, *encoder, *thresholds, "--out", out) == 1
    assert f"Skipped 1 input:\n  {journey.broken}" in capsys.readouterr().err
    (row,) = rows_of(out)
    assert (row["status"], row["name"]) == ("known", photos[0].parent.name)


@pytest.fixture(scope="module")
def count_dir(journey, aviary, tmp_path_factory):
    """A count of which nothing was joined."""
    folder = tmp_path_factory.mktemp("count")
    videos = sorted(aviary.videos.glob("*.mp4"))
    counted = count_individuals(videos, Embedder.load(journey.encoder), threshold=0.9999)
    save_counted_sightings(folder, counted)
    return folder


@pytest.fixture
def count(count_dir, tmp_path):
    return shutil.copytree(count_dir, tmp_path / "count")


def test_a_count_is_reviewed_and_counted_again(count, capsys):
    before = load_sightings(count)
    assert run("review", "make", count, "--num", 5) == 0
    assert f"fused-encoder review apply '{count}'" in capsys.readouterr().out
    rows = rows_of(count / "review.csv")
    split = next(row for row in rows if " and " in row["individuals_now"])
    split["answer"] = "same"
    write_rows(count / "review.csv", rows)
    assert run("review", "make", count) == 2  # it would lose the answer
    assert run("review", "apply", count) == 0
    printed = capsys.readouterr().out
    assert f"1 same, 0 different, 0 cannot tell; {len(rows) - 1} left open" in printed
    after = load_sightings(count)
    assert after.num_individuals == before.num_individuals - 1
    numbers = [str(sightings.num_individuals) for sightings in (before, after)]
    assert printed.splitlines()[-1].split() == ["all", *numbers]
    assert (count / "review_answered_1.csv").is_file()
    keys = after.table.keys
    asked = [{keys[pair.first], keys[pair.second]} for pair in review_queue(after)]
    assert {split["first_key"], split["second_key"]} not in asked


def test_questions_have_the_probabilities_of_the_calibration_that_counted(count):
    fingerprint = load_sightings(count).table.embeddings.fingerprint
    pair = PairCalibration(slope=2.0, intercept=-1.0)
    save_calibration(count / "calibration.json", Calibration(fingerprint, {"image-image": pair}))
    assert run("review", "make", count) == 0
    for row in rows_of(count / "review.csv"):
        expected = float(pair.probability(float(row["similarity"])))
        assert float(row["probability"]) == pytest.approx(expected, abs=2e-3)


def test_what_is_not_asked_of_crops_with_and_without_sound_is_told(count, capsys):
    counted = load_sightings(count)
    first, *others = counted.table.sightings
    table = replace(counted.table, sightings=(replace(first, modality="fused"), *others))
    save_sightings(count, replace(counted, table=table))
    assert run("review", "make", count) == 0
    assert "only crops of one kind are asked about together" in capsys.readouterr().out


def test_a_count_goes_into_a_catalogue_and_is_recognised(count, tmp_path, capsys):
    path = tmp_path / "birds.catalogue"
    run("catalogue", "init", path)
    thresholds = ["--known-above", "0.99999", "--new-below", "0.99", "--margin", "0"]
    num = load_sightings(count).num_individuals
    assert run("catalogue", "identify", path, count, *thresholds, "--accept") == 0
    assert f"0 known, {num} new, 0 uncertain." in capsys.readouterr().out
    assert run("catalogue", "identify", path, count, *thresholds) == 0
    assert f"{num} known, 0 new, 0 uncertain." in capsys.readouterr().out
    with Catalogue.open(path) as catalogue:
        crop = catalogue.sightings("ID-0001").sightings[0].crop
    assert crop.startswith(str(count))
