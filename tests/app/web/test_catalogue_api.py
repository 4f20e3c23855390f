"""The catalogue by JSON: what is asked for is what `Catalogue` does, with who decided in its log."""

import numpy as np
import pytest

from individuals import Catalogue, SightingTable
from inference import Calibration
from inference.calibrate.certified import UnknownScores
from inference.calibrate.pair_calibration import PairCalibration

PATH = "/api/v1/catalogue"


@pytest.fixture
def knowing(serve, exported, embedder, photos, small_index, tmp_path):
    """A service with a catalogue: Zoë with two sightings, and one without a name with one."""
    path = tmp_path / "birds.catalogue"
    with Catalogue.open(path, prefix="BIRD") as catalogue:
        files = photos[:3]
        table = SightingTable.of(
            embedder.embed(files), [file.name + str(n) for n, file in enumerate(files)]
        )
        catalogue.add(table.take([0, 1]), name="Zoë")
        catalogue.add(table.take([2]))
    return serve(encoder=exported, catalogue=path, index=str(small_index), num_decoders=1)


def test_individuals_are_listed_and_shown_by_id_or_name(knowing):
    answer = knowing.get(PATH).json()
    assert [(one["id"], one["name"], one["num_sightings"]) for one in answer["individuals"]] == [
        ("BIRD-0001", "Zoë", 2),
        ("BIRD-0002", None, 1),
    ]
    by_id, by_name = (
        knowing.get(f"{PATH}/individuals/{who}").json() for who in ("BIRD-0001", "zoë")
    )
    assert by_id == by_name
    assert len(by_id["sightings"]) == 2
    gone = knowing.get(f"{PATH}/individuals/nobody")
    assert gone.status_code == 404
    assert "nobody" in gone.json()["detail"]


def test_each_change_is_done_logged_under_its_person_and_undone(knowing):
    before = knowing.get(PATH).json()
    who = {"who": "Ana"}
    path = f"{PATH}/individuals/BIRD-0002"
    assert knowing.patch(path, json={"name": "Yaw", **who}).json()["name"] == "Yaw"
    taken = knowing.patch(path, json={"name": "ZOË", **who})
    assert taken.status_code == 422
    assert "already" in taken.json()["detail"]
    merged = knowing.post(f"{PATH}/individuals/Zoë/merge", json={"others": ["Yaw"], **who}).json()
    assert (merged["id"], merged["num_sightings"]) == ("BIRD-0001", 3)
    keys = [one["key"] for one in knowing.get(f"{PATH}/individuals/Zoë").json()["sightings"]]
    split = knowing.post(
        f"{PATH}/individuals/Zoë/split", json={"sightings": keys[:1], **who}
    ).json()
    assert (split["id"], split["num_sightings"]) == ("BIRD-0003", 1)
    assert knowing.delete(f"{PATH}/individuals/BIRD-0003", params=who).status_code == 204
    log = knowing.get(f"{PATH}/log", params={"num": 4}).json()
    assert [row["operation"] for row in log] == ["delete", "split", "merge", "rename"]
    assert {row["decided_by"] for row in log} == {"Ana"}
    undone = knowing.post(f"{PATH}/undo", json={"num": 4}).json()
    assert [row["operation"] for row in undone] == ["delete", "split", "merge", "rename"]
    assert knowing.get(PATH).json() == before
    assert knowing.app.state.workspace.catalogue.check() == []


def test_one_confirmation_names_one_animal(knowing, photos):
    files = {"photo": ("may.jpg", photos[4].read_bytes())}
    added = knowing.post(f"{PATH}/sightings", files=files, data={"individual": "Zoë", "who": "Ana"})
    assert added.json()["num_sightings"] == 3
    new = knowing.post(
        f"{PATH}/sightings",
        files={"photo": ("june.jpg", photos[5].read_bytes())},
        data={"name": "Abena"},
    )
    assert new.json()["name"] == "Abena"
    unknown = knowing.post(f"{PATH}/sightings", files=files, data={"individual": "ID-9"})
    assert unknown.status_code == 404


def calibration(embedder) -> Calibration:
    """Of 400 strangers, none of whom was more similar than 0.6."""
    strangers = UnknownScores(tuple(np.linspace(0.0, 0.6, 400)), num_gallery=50)
    pair = PairCalibration(20.0, -14.0, unknowns=strangers)
    return Calibration(embedder.fingerprint, {"image-image": pair})


def test_a_known_animal_is_named_by_certified_thresholds_and_added_to_nothing(
    knowing, photos, embedder
):
    made = calibration(embedder)
    knowing.app.state.workspace.embedder.calibration = made
    before = knowing.get(f"{PATH}/log").json()
    answer = knowing.post("/api/v1/search", files={"photo": photos[2].read_bytes()}).json()
    assert answer["hits"][0]["probability"] == pytest.approx(float(made.probability(1.0)))
    assert "as likely as not" in answer["meaning"]
    found = answer["individual"]
    assert found["nearest"] == "BIRD-0002"
    assert found["similarity"] == pytest.approx(1, abs=1e-5)
    assert found["status"] in ("known", "uncertain")  # others of this encoder may be as similar
    assert "certified" in found["decided_by"]
    assert knowing.get(f"{PATH}/log").json() == before


def test_a_search_says_who_decided_and_assigns_nobody(knowing, photos):
    before = knowing.get(PATH).json()
    answer = knowing.post("/api/v1/search", files={"photo": photos[0].read_bytes()}).json()
    assert answer["individual"]["status"] == "uncertain"
    assert answer["individual"]["decided_by"] == "nothing"
    assert "calibration" in answer["individual"]["reason"]
    assert knowing.get(PATH).json() == before
