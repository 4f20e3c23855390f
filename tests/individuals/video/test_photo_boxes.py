"""Boxes of photos, from MegaDetector's files and COCO's."""

import numpy as np
import pytest
from PIL import Image

from individuals import load_photo_boxes
from media import UnreadableMediaError, save_image


@pytest.fixture
def photo(tmp_path):
    path = tmp_path / "site" / "gate" / "IMG_7.jpg"
    path.parent.mkdir(parents=True)
    save_image(path, np.full((100, 200, 3), 90, np.uint8))
    return path


def animal(*box, conf=0.9):
    return {"category": "1", "conf": conf, "bbox": list(box)}


def test_each_animal_of_a_photo_has_its_box_in_pixels(photo, write_json, megadetector):
    found = [animal(0.5, 0.1, 0.25, 0.5), animal(0.0, 0.2, 0.2, 0.4), animal(0, 0, 1, 1, conf=0.1)]
    content = megadetector([{"file": "gate/IMG_7.jpg", "detections": found}])
    boxes = load_photo_boxes(write_json(content))
    assert np.allclose(boxes(photo), [(0, 20, 40, 40), (100, 10, 50, 50)])
    assert boxes.notes == ("1 boxes below the confidence 0.2 are left out.",)


def test_a_photo_named_like_a_frame_is_a_photo(photo, write_json, megadetector):
    path = photo.rename(photo.with_name("frame_12.jpg"))
    content = megadetector([{"file": path.name, "detections": [animal(0, 0, 0.5, 0.5)]}])
    assert load_photo_boxes(write_json(content))(path) == [(0, 0, 100, 50)]


def test_two_boxes_around_one_animal_are_one(photo, write_json, megadetector):
    twice = [animal(0.1, 0.1, 0.5, 0.5), animal(0.1, 0.11, 0.5, 0.5, conf=0.8)]
    content = megadetector([{"file": "IMG_7.jpg", "detections": twice}])
    assert np.allclose(load_photo_boxes(write_json(content))(photo), [(20, 10, 100, 50)])


def test_boxes_of_coco_follow_the_size_of_the_photo(photo, write_json):
    content = {
        "images": [{"id": 1, "file_name": "IMG_7.jpg", "width": 400, "height": 200}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 3, "bbox": [40, 20, 100, 60]}],
        "categories": [{"id": 3, "name": "nyala"}],
    }
    assert load_photo_boxes(write_json(content))(photo) == [(20, 10, 50, 30)]


def test_boxes_of_a_turned_photo_are_of_the_upright_one(photo, write_json, megadetector):
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.open(photo).save(photo, exif=turned)
    content = megadetector([{"file": "IMG_7.jpg", "detections": [animal(0, 0, 0.5, 0.5)]}])
    assert load_photo_boxes(write_json(content))(photo) == [(0, 0, 50, 100)]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"file": "IMG_7.jpg", "detections": []}, "no animal was detected in it with a confidence"),
        ({"file": "IMG_8.jpg", "detections": []}, "'found.json' does not list it"),
        ({"file": "IMG_7.jpg", "failure": "truncated"}, r"the detector could not use it \(trunc"),
    ],
)
def test_why_a_photo_has_no_box_is_told(photo, write_json, megadetector, entry, reason):
    boxes = load_photo_boxes(write_json(megadetector([entry])))
    with pytest.raises((ValueError, UnreadableMediaError), match=reason):
        boxes(photo)


def test_boxes_of_a_picture_of_another_shape_are_refused(photo, write_json):
    content = {
        "images": [{"id": 1, "file_name": "IMG_7.jpg", "width": 100, "height": 200}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 3, "bbox": [0, 0, 10, 10]}],
        "categories": [{"id": 3, "name": "nyala"}],
    }
    with pytest.raises(ValueError, match="boxes are of a picture of 100 x 200 pixels, the upright"):
        load_photo_boxes(write_json(content))(photo)
