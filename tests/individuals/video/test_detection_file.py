import contextlib
import json
import unicodedata

import numpy as np
import pytest

from individuals.video.detection_file import load_detections
from individuals.video.known_boxes import match_videos

BOX = [0.1, 0.2, 0.3, 0.4]


def animal(**more):
    return {"category": "1", "conf": 0.9, "bbox": BOX, **more}


def test_megadetector_lists_videos_with_frame_numbers(write_json, megadetector):
    content = megadetector(
        [
            {
                "file": "site/monday.mp4",
                "frame_rate": 25,
                "frames_processed": [0, 10, 20],
                "detections": [animal(frame_number=10), animal(frame_number=20, conf=0.5)],
            },
            {"file": "site/empty.mp4", "frames_processed": [0], "detections": []},
        ]
    )
    found = load_detections(write_json(content))
    assert list(found.videos) == ["site/monday.mp4", "site/empty.mp4"]
    monday = found.videos["site/monday.mp4"]
    assert monday.frame_indices.tolist() == [10, 20]
    assert monday.scores.tolist() == [0.9, 0.5]
    assert monday.boxes == pytest.approx(np.array([[0.1, 0.2, 0.4, 0.6]] * 2))
    assert monday.num_frames_processed == 3
    assert len(found.videos["site/empty.mp4"].boxes) == 0


def test_megadetector_lists_frames_as_images(write_json, megadetector):
    content = megadetector(
        [
            {"file": "site\\monday.mp4\\frame000012.jpg", "detections": [animal()]},
            {"file": "site/monday.mp4/frame000024.jpg", "detections": []},
            {"file": "Vögel/frame_7.png", "detections": [animal()]},
            {"file": "holiday.jpg", "detections": [animal()]},
        ]
    )
    found = load_detections(write_json(content))
    assert {name: boxes.frame_indices.tolist() for name, boxes in found.videos.items()} == {
        "site/monday.mp4": [12],
        "Vögel": [7],
    }
    assert found.videos["site/monday.mp4"].num_frames_processed == 2
    assert "1 entries are not frames of a video and are left out, such as 'holi" in found.notes[0]


def test_the_list_of_the_newer_command_has_corners_in_pixels(write_json):
    box = {"category": "animal", "confidence": 0.8, "bbox": [10, 20, 40, 60]}
    content = [{"file": "monday.mp4/000003.jpg", "detections": [box]}]
    monday = load_detections(write_json(content)).videos["monday.mp4"]
    assert monday.boxes.tolist() == [[10, 20, 40, 60]]
    assert not monday.are_shares


def coco(**more):
    return {
        "categories": [{"id": 7, "name": "wren"}, {"id": 9, "name": "robin"}],
        "images": [
            {"id": 1, "file_name": "monday.mp4/frame000005.jpg", "width": 160, "height": 120},
            {"id": 2, "file_name": "monday.mp4/frame000006.jpg", "width": 160, "height": 120},
        ],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 7, "bbox": [10, 20, 30, 40]},
            {"id": 2, "image_id": 2, "category_id": 9, "bbox": [11, 20, 30, 40], "score": 0.6},
        ],
        **more,
    }


def test_coco_has_boxes_in_pixels_and_scores_that_may_be_absent(write_json):
    monday = load_detections(write_json(coco())).videos["monday.mp4"]
    assert monday.boxes.tolist() == [[10, 20, 40, 60], [11, 20, 41, 60]]
    assert monday.scores.tolist() == [1.0, 0.6]
    assert monday.size == (160, 120)


@pytest.mark.parametrize("key", ["frame_index", "frame_number", "frame_id"])
def test_coco_may_name_video_and_frame_in_fields(write_json, key):
    content = coco(
        videos=[{"id": 3, "name": "site/monday.mp4"}],
        images=[
            {"id": 1, "video_id": 3, key: 50, "file_name": "a.jpg"},
            {"id": 2, "video_id": 3, "file_name": "b_000051.jpg"},
        ],
    )
    monday = load_detections(write_json(content)).videos["site/monday.mp4"]
    assert monday.frame_indices.tolist() == [50, 51]


def test_frames_without_a_folder_are_of_the_only_video(write_json, film):
    content = coco()
    for image in content["images"]:
        image["file_name"] = image["file_name"].rpartition("/")[2]
    found = load_detections(write_json(content))
    monday, other = film("a/monday.mp4", [{}] * 7), film("b/monday.mp4", [{}] * 7)
    assert found.for_video(monday).frame_indices.tolist() == [5, 6]
    with pytest.raises(ValueError, match=r"names no video, so that it can be of one only"):
        found.check([monday, other])


def test_boxes_around_crowds_are_left_out_and_noted(write_json):
    content = coco()
    content["annotations"][0]["iscrowd"] = 1
    found = load_detections(write_json(content))
    assert found.videos["monday.mp4"].frame_indices.tolist() == [6]
    assert found.notes == ("1 boxes around crowds (iscrowd) are left out.",)


def test_only_animals_are_taken_and_the_rest_is_noted(write_json, megadetector):
    boxes = [
        animal(frame_number=0),
        animal(frame_number=0, category="2"),
        animal(frame_number=1, category="8"),
        animal(frame_number=1, conf=0.1),
        animal(frame_number=1, bbox=[0.1, 0.1, 0, 0.2]),
    ]
    found = load_detections(write_json(megadetector([{"file": "a.mp4", "detections": boxes}])))
    assert found.videos["a.mp4"].frame_indices.tolist() == [0]
    assert found.notes == (
        "1 boxes below the confidence 0.2 are left out.",
        "1 boxes of other categories (person) are left out.",
        "1 boxes of other categories (unknown) are left out.",
        "1 boxes without an area are left out.",
    )


def test_the_file_may_recommend_a_confidence_and_the_caller_decides(write_json, megadetector):
    metadata = {"typical_detection_threshold": 0.8}
    boxes = [animal(frame_number=0, conf=0.7), animal(frame_number=1, conf=0.8)]
    content = megadetector([{"file": "a.mp4", "detections": boxes}], detector_metadata=metadata)
    path = write_json(content)
    assert load_detections(path).videos["a.mp4"].frame_indices.tolist() == [1]
    asked = load_detections(path, min_confidence=0.3)
    assert asked.videos["a.mp4"].frame_indices.tolist() == [0, 1]
    with pytest.raises(ValueError, match=r"min_confidence must be in \[0, 1\], received 30"):
        load_detections(path, min_confidence=30)


def test_categories_can_be_chosen_and_unknown_ones_are_refused(write_json):
    path = write_json(coco())
    robins = load_detections(path, categories=["robin"])
    assert robins.videos["monday.mp4"].frame_indices.tolist() == [6]
    with pytest.raises(ValueError, match=r"no category 'wrem'\. It has 'robin', 'wren'\."):
        load_detections(path, categories=["wrem", "robin"])


def test_everything_damaged_is_told_at_once_with_its_place(write_json, megadetector):
    boxes = [
        animal(frame_number=0, bbox=[0.1, 0.2, float("nan"), 0.3]),
        animal(frame_number=-1),
        animal(),
        animal(frame_number=2, conf=1.4),
        animal(frame_number=3, bbox=[100, 200, 50, 60]),
    ]
    nameless = [{"detections": []}, {"file": "", "detections": []}]
    for entry in nameless:
        with pytest.raises(ValueError, match=r"images\[0\] names no file"):
            load_detections(write_json(megadetector([entry])))
    path = write_json(megadetector([{"file": "a.mp4", "detections": boxes}]))
    with pytest.raises(ValueError, match=r"found.json' is damaged") as caught:
        load_detections(path)
    for part in (
        "images[0].detections[0] of 'a.mp4': expected a box of four finite numbers",
        "detections[1] of 'a.mp4': expected a frame number, 0 or more, received -1",
        "detections[2] of 'a.mp4': expected a frame number, 0 or more, received None",
        "expected a confidence in [0, 1], received 1.4",
        "received [100, 200, 50, 60]: these may be pixels",
    ):
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("list_name", "change", "message"),
    [
        ("annotations", {"image_id": 99}, r"annotations\[0\] is of the image 99, which is not"),
        ("images", {"width": 320}, r"'monday.mp4' are of several sizes: 160 x 120, 320 x 1"),
    ],
)
def test_a_coco_file_that_contradicts_itself_is_damaged(write_json, list_name, change, message):
    content = coco()
    content[list_name][0].update(change)
    with pytest.raises(ValueError, match=message):
        load_detections(write_json(content))


@pytest.mark.parametrize(
    ("content", "held"),
    [
        ({"predictions": []}, "'predictions'"),
        ([1, 2], "list"),
        ("text", "str"),
        ({}, "nothing"),
        ({"images": [], "annotations": {}}, "'images', 'annotations'"),
    ],
)
def test_an_unknown_layout_is_refused_and_says_what_it_holds(write_json, content, held):
    with pytest.raises(ValueError, match=rf"of no known layout\. .* received {held}\."):
        load_detections(write_json(content))


def test_what_is_not_json_is_refused(tmp_path):
    path = tmp_path / "found.json"
    path.write_bytes(b"\xff\xfe not json")
    with pytest.raises(ValueError, match=r"is not JSON in UTF-8"):
        load_detections(path)


def nodes(content, path=()):
    """The path of every value in a JSON."""
    yield path
    inner = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in inner:
        yield from nodes(value, (*path, key)) if isinstance(value, dict | list) else [(*path, key)]


def with_value(content, path, value):
    if not path:
        return value
    copy = json.loads(json.dumps(content))
    node = copy
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    return copy


ODD = [None, 5, -1.5, float("inf"), 1e300, "x", "", True, [], {}, [5], [None], {"id": 1}]


@pytest.mark.parametrize("layout", ["videos", "frames", "list", "coco"])
def test_any_odd_value_anywhere_is_taken_or_refused_in_words(write_json, megadetector, layout):
    box = {"category": "animal", "confidence": 0.8, "bbox": [10, 20, 40, 60]}
    content = {
        "videos": megadetector(
            [{"file": "a.mp4", "frames_processed": [0], "detections": [animal(frame_number=0)]}],
            detector_metadata={"typical_detection_threshold": 0.8},
        ),
        "frames": megadetector([{"file": "a.mp4/frame1.jpg", "detections": [animal()]}]),
        "list": [{"file": "a.mp4/1.jpg", "detections": [box]}],
        "coco": coco(videos=[{"id": 3, "name": "site/monday.mp4"}]),
    }[layout]
    for path in list(nodes(content)):
        for value in ODD:
            with contextlib.suppress(ValueError):  # nothing else is raised
                load_detections(write_json(with_value(content, path, value)))


# Which entry is of which video


def match(videos, names):
    return match_videos(videos, names, "The file")


DECOMPOSED = unicodedata.normalize("NFD", "Zaunkönig 鳥.mp4")


@pytest.mark.parametrize(
    ("video", "entries", "expected"),
    [
        ("/data/west/monday.mp4", ["east/monday.mp4", "west/monday.mp4"], "west/monday.mp4"),
        ("/data/west/monday.mp4", ["monday.mp4", "west/monday.mp4"], "west/monday.mp4"),  # longest
        ("west/monday.mp4", ["D:\\card\\west\\monday.mp4"], "D:\\card\\west\\monday.mp4"),
        ("/data/Zaunkönig 鳥.mp4", [DECOMPOSED], DECOMPOSED),
        ("/data/monday.mp4", ["monday"], "monday"),  # a folder of frames
    ],
)
def test_an_entry_is_of_the_video_whose_path_has_its_end(video, entries, expected):
    assert match([video], entries) == {video: expected}


@pytest.mark.parametrize(
    ("videos", "entries", "message"),
    [
        (["/w/monday.mp4"], ["e/monday.mp4"], "none of its folders; the same file name is in 'e/"),
        (["m.mp4"], ["/card/east/m.mp4", "/card/west/m.mp4"], "'m.mp4' may be any of '/card/east/"),
        (["monday.avi"], ["monday.mp4"], "'monday.avi' is not in it; it has 'monday.mp4'"),
        (["a.mp4", "b.mp4"], ["c.mp4"], r"(?s)'a.mp4' is not in it.*'b.mp4' is not in it"),
        (["a.mp4"], [], r"'a.mp4' is not in it; it has no video at all"),
    ],
)
def test_videos_that_do_not_fit_are_all_told(videos, entries, message):
    with pytest.raises(ValueError, match=message):
        match(videos, entries)
