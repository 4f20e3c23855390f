import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from inference.plot_labels import plot_labels, shortened


def test_names_that_fit_stay_as_they_are():
    names = ["wren", "Zaunkönig", "house_sparrow/blue"]
    assert plot_labels(names) == names


def test_long_names_keep_their_beginning_and_their_end():
    label = shortened("house_sparrow/blue_left_leg_second_year", 20)
    assert (len(label), label) == (20, "house_spa…econd_year")


def test_a_script_that_the_font_lacks_becomes_the_number_of_the_class():
    assert plot_labels(["wren", "シジュウカラ"]) == ["wren", "class 2"]


@pytest.mark.parametrize("name", ["a$b$", "_hidden", "two\nlines", "$\\frac{1}{2}$", "\udcff.jpg"])
def test_a_name_of_odd_signs_is_drawn_as_text(name):
    (label,) = plot_labels([name])
    assert not label.startswith("_")
    assert "\n" not in label
    figure = Figure()
    axes = figure.subplots()
    axes.plot([0], label=label)
    axes.set_title(label)
    assert len(axes.legend().get_texts()) == 1
    figure.canvas.draw()


@given(st.lists(st.text(min_size=1), min_size=1, max_size=3))
def test_any_name_has_a_label_of_limited_length(names):
    labels = plot_labels(names, 12)
    assert all(1 <= len(label.replace(r"\$", "$")) <= 13 for label in labels)
