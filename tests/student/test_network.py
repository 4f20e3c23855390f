from student import create_student
from student.network import PUBLISHED_PARAMETERS, num_trained


def test_the_default_student_of_ten_species_has_the_published_number_of_parameters():
    assert num_trained(create_student(10)) == PUBLISHED_PARAMETERS == 38_518
