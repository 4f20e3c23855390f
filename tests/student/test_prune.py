import numpy as np
import pytest

from student import Student, StudentTraining, create_student, prune_student


def test_half_of_the_weights_become_0_and_the_student_is_left_as_it_is(both_sides, hearing):
    training, held_out = both_sides
    small = {"channels": (4, 8), "feature_sizes": (8, 8), "hidden_size": 8}
    student = Student(create_student(3, hearing, **small), hearing, ("High", "Low", "Middle"))
    before = [weight.copy() for weight in student.network.get_weights()]
    how = StudentTraining(epochs=1, batch_size=8, warm_up_epochs=0)
    pruned = prune_student(student, training, held_out, num_steps=2, options=how, progress=False)
    assert pruned.sparsity == pytest.approx(0.5, abs=0.02)
    assert pruned.zipped_kilobytes < pruned.zipped_kilobytes_before
    assert np.isfinite(pruned.student.logits(*held_out.inputs)).all()
    for mine, was in zip(student.network.get_weights(), before, strict=True):
        np.testing.assert_array_equal(mine, was)
    with pytest.raises(ValueError, match="sparsity in"):
        prune_student(student, training, held_out, sparsity=1.0)
