import numpy as np
import pytest
from openpyxl import load_workbook

from student import (
    Student,
    StudentTraining,
    create_student,
    distil_student,
    evaluate_student,
    load_student_run,
    save_student_run,
    write_evaluation,
)

SMALL = {"channels": (4, 8), "feature_sizes": (8, 8), "hidden_size": 8}


@pytest.fixture(scope="module")
def saved(both_sides, tmp_path_factory):
    training, held_out = both_sides
    how = StudentTraining(epochs=2, batch_size=8, warm_up_epochs=0)
    trained = distil_student(training, held_out, options=how, progress=False, **SMALL)
    root = tmp_path_factory.mktemp("run") / "student"
    sides = (training.recordings, held_out.recordings, held_out.recordings)
    save_student_run(root, trained, how, *sides, teacher={"name": "none"})
    return trained, root


def test_a_student_that_was_saved_gives_the_same_numbers_from_sound_on(saved, songs):
    trained, root = saved
    run = load_student_run(root)
    path = next(songs.rglob("*.wav"))
    answers = [
        each.logits(*each.clip_inputs(each.hearing.load(path)))
        for each in (trained.student, run.student)
    ]
    np.testing.assert_allclose(*answers, atol=1e-5)
    assert run.options == StudentTraining(epochs=2, batch_size=8, warm_up_epochs=0)
    assert (root / "student_final.keras").is_file()


def test_a_damaged_or_other_run_is_told(saved, tmp_path):
    with pytest.raises(FileNotFoundError, match="No student in"):
        load_student_run(tmp_path)
    (tmp_path / "run.json").write_text('{"schema": 1}')
    with pytest.raises(ValueError, match="a run of another command"):
        load_student_run(tmp_path)


def test_an_evaluation_lists_the_misclassified_with_their_spectrograms(
    saved, both_sides, store, tmp_path
):
    run = load_student_run(saved[1])
    evaluation = evaluate_student(
        run.student, run.held_out, others=run.training, store=store, progress=False
    )
    assert evaluation.confusion.sum() == len(run.held_out)
    assert evaluation.accuracy == np.trace(evaluation.confusion) / len(run.held_out)
    assert evaluation.probe is not None
    write_evaluation(tmp_path, evaluation, run.history)
    rows = list(load_workbook(tmp_path / "misclassified.xlsx").active.iter_rows(min_row=2))
    assert len(rows) == len(evaluation.misclassified)
    for row in rows:
        assert row[1].value != row[2].value
        assert 0 <= row[3].value <= 1
        assert (tmp_path / row[4].hyperlink.target).is_file()
    for name in ("confusion.png", "confusion.xlsx", "training_curves.png", "training_curves.xlsx"):
        assert (tmp_path / name).stat().st_size > 1000


def test_surroundings_may_be_missing(hearing, both_sides):
    network = create_student(3, hearing, num_extra=2, **SMALL)
    training, _ = both_sides
    network.get_layer("surroundings").adapt([[10.0, np.nan], [20.0, np.nan], [np.nan, np.nan]])
    student = Student(network, hearing, ("a", "b", "c"), ("depth", "hour"))
    nothing = student.logits(training.mel[:1], training.features[:1])
    known = student.logits(training.mel[:1], training.features[:1], [[10.0, np.nan]])
    mean = student.logits(training.mel[:1], training.features[:1], [[15.0, np.nan]])
    assert np.isfinite(nothing).all()
    assert not np.allclose(nothing, known)
    assert not np.allclose(nothing, mean)  # that it is there is told too
