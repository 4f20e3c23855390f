"""Pictures are drawn of nothing, of one and of many, and show what they should."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from individuals import Sighting
from individuals.count import CountCurve, VideoCount
from individuals.footage import IndividualCount
from individuals.group import Conflict
from individuals.grouping.count_interval import count_interval
from individuals.plots import (
    plot_count_curve,
    plot_individual_pages,
    plot_individuals,
    plot_timeline,
    plot_timeline_pages,
)
from individuals.plots.page_style import A4_HEIGHT, A4_WIDTH, COLOURS
from individuals.sighting_table import SightingTable
from inference.embeddings import Embeddings


def count(videos, conflicts=(), qualities=True):
    """A count of videos, each a list of individuals, each seen in four crops of its own grey."""
    sightings, crops, labels, seen_in = [], [], [], {}
    for video, people in videos.items():
        rows = [who for who in people for _ in range(4)]
        labels += rows
        for who in people:
            seen_in.setdefault(who, []).append(video)
        for n in range(len(rows)):
            quality = (0.1, 0.2, 0.9, 0.3)[n % 4] if qualities else None
            sightings.append(Sighting(media=video, key=f"{video}#{n}", quality=quality))
        crops += [np.full((8, 8, 3), who % 256, np.uint8) for who in rows]
    within = partial(count_interval, trials=(), minimum=0, maximum=len(labels))
    found = IndividualCount(
        len(seen_in),
        {video: len(people) for video, people in videos.items()},
        np.array(labels, np.int32),
        {who: tuple(seen) for who, seen in seen_in.items() if len(seen) > 1},
        tuple(conflicts),
        0.5,
        within(len(seen_in)),
        {video: within(len(people)) for video, people in videos.items()},
    )
    embeddings = Embeddings.of(np.tile(np.eye(1, 4), (len(crops), 1)))
    return VideoCount(found, SightingTable(tuple(sightings), embeddings, tuple(crops)), (), ())


def texts(figure):
    figure.canvas.draw()
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def shown_crops(figure):
    return [int(image.get_array()[0, 0, 0]) for axes in figure.axes for image in axes.images]


def test_a_sheet_says_video_count_truth_links_and_conflicts():
    counted = count({"a.mp4": [0, 1], "b.mp4": [0]}, [Conflict(0, 1, 0.95, (0, 4))])
    said = texts(plot_individuals(counted, {"a.mp4": 2, "b.mp4": 5}, names={"1": "Bruno"}))
    assert {"a.mp4\n2 found, 2 true", "b.mp4\n1 found, 5 true"} <= set(said)
    assert {"#0 ↔ ⚠ #1", "#1 Bruno ⚠ #0"} <= set(said)


def test_of_each_individual_a_few_crops_are_shown_the_best_of_their_time():
    figure = plot_individuals(count({"a.mp4": [10, 20], "b.mp4": []}))
    assert shown_crops(figure) == [10] * 3 + [20] * 3
    bars = [patch.get_width() for patch in figure.axes[0].patches if patch.get_height() < 0.1]
    assert max(bars[1::2]) == pytest.approx(0.9 * bars[0])


@pytest.mark.parametrize("num", [0, 5, 60])
def test_any_number_of_individuals_fits_on_the_page(num):
    figure = plot_individuals(count({"a.mp4": list(range(num))}))
    figure.canvas.draw()
    assert sorted(set(shown_crops(figure))) == list(range(num))
    assert figure.get_figwidth() == pytest.approx(A4_WIDTH)
    for image in figure.axes[0].images:
        assert image.get_extent()[1] <= A4_WIDTH


def test_what_does_not_fit_is_told_and_is_on_the_pages():
    counted = count({f"{number:02}.mp4": [number, 99] for number in range(45)}, qualities=False)
    said = texts(plot_individuals(counted))
    assert "not shown: 10 more individuals in 5 videos" in said[-1]
    pages = plot_individual_pages(counted)
    assert len(pages) == 5
    assert all(page.get_figheight() <= A4_HEIGHT for page in pages)
    assert {crop for page in pages for crop in shown_crops(page)} == {*range(45), 99}
    assert "page 2 of 5" in texts(pages[1])[-1]


def test_nothing_to_see_is_said():
    (page,) = plot_individual_pages(count({}))
    assert page.texts[0].get_text() == "No video could be read."
    assert plot_timeline([]).texts[0].get_text() == "Nobody was seen or heard."
    empty = plot_timeline([met()], durations_seconds={"z.mp4": 9, "a.mp4": 9})
    # a field for a video in which nobody was met
    assert [axes.get_title("left") for axes in empty.axes] == ["z.mp4", "a.mp4"]
    assert bars(empty)[0][0] == 1


def test_equal_file_names_are_told_apart_and_odd_names_are_drawn():
    counted = count({"a/m.mp4": [0], "b/m.mp4": [1], "c/鳥$x$.mp4": [2]})
    said = texts(plot_individuals(counted, names={"0": "鳥", "1": "a$b_c$"}))
    assert {"a/m.mp4\n1 found", "b/m.mp4\n1 found", "#0"} <= set(said)


def met(individual="1", media="a.mp4", start=1.0, end=2.0, **known):
    known |= {"start_seconds": start, "end_seconds": end}
    return Sighting(individual=individual, media=media, **known)


def bars(figure):
    """(video, row, hatch) of each bar of a timeline."""
    return [
        (number, round(bar.get_y()), bar.get_hatch())
        for number, axes in enumerate(figure.axes)
        for bar in axes.patches
    ]


def test_seen_and_heard_differ_in_more_than_colour():
    sung = met(modality="audio", start=3, end=4)
    figure = plot_timeline([met(), sung, met("2", modality="fused")])
    hatches = [hatch for _, _, hatch in bars(figure)]
    assert [bool(hatch) for hatch in hatches] == [False, False, True, True]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["#1", "#2"]


def test_an_individual_in_two_videos_is_linked_by_a_line():
    figure = plot_timeline([met(), met(media="b.mp4"), met("2", "b.mp4")])
    (link,) = figure.artists
    assert (link.xy1[1], link.xy2[1], link.get_linestyle()) == (0, 0, ":")


@pytest.mark.parametrize("num", [0, 1, 7, 90])
def test_timelines_of_any_number_are_drawn(num):
    sightings = [met(str(n), f"{n % 13}.mp4", n, n + (n % 3)) for n in range(num)]
    figure = plot_timeline(sightings)
    figure.canvas.draw()
    assert figure.get_figwidth() == pytest.approx(A4_WIDTH)
    pages = plot_timeline_pages(sightings)
    for page in pages:
        page.canvas.draw()
        assert page.get_figheight() <= A4_HEIGHT
    assert sum(len(bars(page)) for page in pages if page.axes) == num


def test_what_a_timeline_leaves_out_is_told():
    figure = plot_timeline([met(str(n), f"{n}.mp4") for n in range(50)])
    assert figure.get_supxlabel().endswith("not shown: 10 more individuals and 40 more videos")


def test_times_of_any_size_are_drawn():
    for seconds in (0.0, 1e-9, 1e12):
        odd = met("鳥", "b.mp4", name="$x")
        plot_timeline([met(start=seconds, end=seconds), odd]).canvas.draw()


def curve(thresholds, counts, at=0.5, chosen=3):
    return CountCurve(np.asarray(thresholds), np.asarray(counts), at, chosen)


def test_the_curve_goes_through_its_points_and_marks_the_chosen_one():
    figure = plot_count_curve(curve([0.1, 0.5, 0.9], [1, 3, 5]))
    assert figure.axes[0].lines[0].get_xydata().tolist() == [[0.1, 1], [0.5, 3], [0.9, 5]]
    assert texts(figure) == ["3 individuals at 0.5"]
    plot_count_curve(curve(np.linspace(0, 1, 300), np.arange(300))).canvas.draw()


def test_interval_minimum_and_truth_are_shown_where_they_are_known():
    interval = replace(count_interval(7, (), minimum=4, maximum=11), low=5)
    figure = plot_count_curve(curve([0, 1], [2, 400], 0.4, 7), interval, true_count=8)
    assert "bounds 5 to 11" in texts(figure)[0]
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert labels == ["count", "minimum, if the boxes are right: 4", "true count: 8"]
    assert figure.axes[0].get_yscale() == "log"


# What red-blind and green-blind people see of linear RGB: Viénot, Brettel and Mollon (1999).
BLIND = {
    "red": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
    "green": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
}


@pytest.mark.parametrize("blindness", BLIND)
def test_any_two_colours_differ_for_colour_blind_people(blindness):
    seen = np.array([to_rgb(colour) for colour in COLOURS]) ** 2.2 @ np.array(BLIND[blindness]).T
    seen = np.clip(seen, 0, 1) ** (1 / 2.2)
    apart = np.linalg.norm(seen[:, None] - seen[None], axis=-1) + 9 * np.eye(len(COLOURS))
    assert apart.min() > 0.1
